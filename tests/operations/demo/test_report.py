import json

import pytest

from operations.demo.compilation import Artefact
from operations.demo.pools import pools_of
from operations.demo.questions import Answer, familiarity, vocabulary
from operations.demo.report import DemoReport, curve, read_training
from operations.embedded.access import Decision
from operations.embedded.report import Finding, Report, StackSummary
from stacks.config import load_environments

LOSSES = [6.0, 4.0, 2.0, 1.0]


@pytest.fixture
def report():
    metrics = "".join(
        json.dumps(
            {"step": i, "loss": loss, "tokens": 100 * (i + 1), "tokens_per_second": 50.0 + i}
        )
        + "\n"
        for i, loss in enumerate(LOSSES)
    )
    return DemoReport(
        date="2026-01-01",
        seconds=12.0,
        step_seconds={"deploy": 10.0, "train": 2.0},
        deployed=Report(
            stacks=(
                StackSummary(
                    name="demo-network",
                    status="CREATE_COMPLETE",
                    resources=1,
                    verified=0,
                    declared=1,
                    altered=0,
                ),
            ),
            findings=(
                Finding(
                    stack="demo-network",
                    logical_id="Vpc",
                    type="AWS::EC2::VPC",
                    physical_id="vpc-1",
                    status="declared",
                    reason="<nothing> behind it",
                    remark="",
                ),
            ),
            outputs={},
        ),
        pools=pools_of(load_environments()["demo"].pools),
        training=read_training(metrics, model="tiny", processes=2),
        artefacts=(
            Artefact(
                instance="inf2.8xlarge",
                kind="decoder",
                digest="ab" * 32,
                compiler="2.23.6484.0",
                image="vllm:0.13.0",
                cores=2,
                state="missing",
                memory_gib=17,
            ),
        ),
        answers=(
            Answer(
                model="own",
                backend="own model",
                question="Who?",
                text="A fox & a hen.",
                prompt_tokens=3,
                completion_tokens=5,
                cost_usd=0.000001,
                seconds_to_first_token=0.1,
                seconds=0.2,
            ),
        ),
        access=tuple(
            Decision(
                allowed=True,
                who="arn:aws:sts::000000000000:assumed-role/demo-pods/pods",
                action=action,
                resource="arn:aws:s3:::data/x",
                times=times,
            )
            for action, times in (("s3:PutObject", 4), ("s3:GetObject", 3))
        ),
    )


def test_training_is_summarised_from_its_metrics(report):
    assert (report.training.first_loss, report.training.final_loss) == (6.0, 1.0)
    assert report.training.tokens == 400
    assert report.training.tokens_per_second == 51.5


def test_a_run_without_steps_is_refused():
    with pytest.raises(ValueError, match="holds no step"):
        read_training("", model="tiny", processes=1)


def test_the_page_holds_the_picture_the_answers_and_the_reasons(report, tmp_path):
    report.write(tmp_path, loss_picture=b"\x89PNG")

    page = (tmp_path / "report.html").read_text()
    assert "data:image/png;base64,iVBORw==" in page
    assert "A fox &amp; a hen." in page
    assert "&lt;nothing&gt; behind it" in page
    assert (tmp_path / "loss.png").read_bytes() == b"\x89PNG"


def test_the_json_counts_all_resources(report, tmp_path):
    report.write(tmp_path, loss_picture=b"")

    deployed = json.loads((tmp_path / "report.json").read_text())["deployed"]
    assert deployed["counts"] == {"verified": 0, "declared": 1, "altered": 0}


def test_the_curve_falls_with_the_loss():
    assert curve(LOSSES, width=10) == "█▅▃▁"
    assert curve([8.0] * 50 + [1.0] * 50, width=2) == "█▁"


def test_familiarity_is_the_share_of_known_words():
    known = vocabulary("Mia the fox found a red ball.")

    assert familiarity("The red fox", known) == 1.0
    assert familiarity("The blue fox.", known) == pytest.approx(2 / 3)
    assert familiarity("", known) == 0.0


def test_the_pools_are_shown_with_what_a_node_of_each_offers(report, tmp_path):
    report.write(tmp_path, loss_picture=b"")

    pools = json.loads((tmp_path / "report.json").read_text())["pools"]
    trn1 = next(pool for pool in pools if pool["name"] == "trn1")
    assert (trn1["capacity"], trn1["min_nodes"], trn1["max_nodes"]) == ("on-demand", 0, 2)
    assert trn1["offers"] == {
        "cpu": 128,
        "aws.amazon.com/neuron": 16,
        "aws.amazon.com/neuroncore": 32,
        "vpc.amazonaws.com/efa": 8,
    }
    assert "16 aws.amazon.com/neuron, 32 " in (tmp_path / "report.html").read_text()
