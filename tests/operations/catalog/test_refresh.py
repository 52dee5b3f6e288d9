import json

import pytest

from operations.catalog.__main__ import HARDWARE, main
from operations.catalog.refresh import differences, dump, refresh, row

# A region with four of our types: quick to ask.
SMALL = "me-south-1"


@pytest.fixture
def committed():
    return json.loads(HARDWARE.read_text())


@pytest.fixture
def copy(tmp_path):
    path = tmp_path / "hardware.json"
    path.write_bytes(HARDWARE.read_bytes())
    return path


def rewrite(path, change):
    rows = json.loads(path.read_text())
    change(rows)
    path.write_text(dump(rows))


FAMILIES = (
    *("inf1", "inf2", "trn1", "trn1n", "trn2", "trn2u"),
    *("m6a", "c6a", "r6a", "m7a", "c7a", "r7a", "m8a", "c8a", "r8a"),
    *("hpc6a", "hpc7a", "hpc8a"),
    *("g6e", "p4d", "p4de", "p5", "p5e", "p5en", "p6-b200", "p6-b300"),
)


def test_the_committed_file_is_what_every_region_answers(tmp_path, capsys):
    fresh = tmp_path / "fresh.json"
    named = [argument for family in FAMILIES for argument in ("--family", family)]

    assert main(["--file", str(fresh), *named]) == 0

    assert differences(json.loads(fresh.read_text()), json.loads(HARDWARE.read_text())) == []
    assert fresh.read_text() == HARDWARE.read_text()
    assert "us-east-2: 137 types offered" in capsys.readouterr().err


def test_the_committed_file_has_all_families_and_only_those(committed):
    assert {name.partition(".")[0] for name in committed} == set(FAMILIES)


def test_every_type_is_one_line_in_order(committed):
    lines = HARDWARE.read_text().splitlines()

    assert lines == dump(committed).splitlines()
    assert [line.split('"')[1] for line in lines[1:-1]] == sorted(committed)


def test_check_of_the_committed_file_passes_and_writes_nothing(copy, capsys):
    before = copy.stat().st_mtime_ns

    assert main(["--check", "--region", SMALL, "--file", str(copy)]) == 0

    assert copy.stat().st_mtime_ns == before
    assert "is what EC2 answers: 141 types" in capsys.readouterr().out


@pytest.mark.parametrize(
    "change",
    [
        lambda rows: rows["inf1.xlarge"].update(vcpus=5),
        lambda rows: rows["inf1.xlarge"].update(network_cards=[[0, 4, True]]),
        lambda rows: rows["inf1.xlarge"]["zones"].update({SMALL: ["mes1-az1"]}),
        lambda rows: rows["inf1.xlarge"]["zones"].pop(SMALL),
        lambda rows: rows.pop("inf1.xlarge"),
    ],
    ids=["vcpus", "card", "other zone", "no zone", "no row"],
)
def test_check_names_the_types_that_differ_and_writes_nothing(copy, capsys, change):
    rewrite(copy, change)
    before = copy.read_bytes()

    assert main(["--check", "--region", SMALL, "--file", str(copy)]) == 1

    told = capsys.readouterr().err.splitlines()[-1]
    assert told == (
        "hardware.json is not what EC2 answers for inf1.xlarge; "
        "run python -m operations.catalog and review the difference."
    )
    assert copy.read_bytes() == before


def test_a_region_that_was_not_asked_keeps_what_the_file_says(copy, committed):
    rewrite(copy, lambda rows: rows["inf1.xlarge"]["zones"].clear())

    assert main(["--region", SMALL, "--file", str(copy)]) == 0

    rows = json.loads(copy.read_text())
    here = committed["inf1.xlarge"]["zones"][SMALL]
    assert rows["inf1.xlarge"]["zones"] == {SMALL: here}
    assert rows["trn1.32xlarge"] == committed["trn1.32xlarge"]


def test_a_type_that_is_offered_nowhere_any_more_goes(copy, committed):
    gone = committed["inf1.xlarge"] | {"zones": {SMALL: ["mes1-az1"]}}
    rewrite(copy, lambda rows: rows.update({"inf1.9xlarge": gone}))

    assert main(["--region", SMALL, "--file", str(copy)]) == 0

    assert "inf1.9xlarge" not in json.loads(copy.read_text())


def test_a_region_without_answers_is_a_failure_and_the_file_stays(copy, capsys):
    before = copy.read_bytes()

    assert main(["--region", "mx-central-1", "--file", str(copy)]) == 1

    assert capsys.readouterr().err.endswith("offers none of the families in mx-central-1\n")
    assert copy.read_bytes() == before


def test_a_family_is_added_beside_those_of_the_file(copy, committed):
    assert main(["--region", SMALL, "--family", "m5", "--file", str(copy)]) == 0

    rows = json.loads(copy.read_text())
    added = rows.keys() - committed.keys()
    assert "m5.large" in added
    assert {name.partition(".")[0] for name in added} == {"m5"}
    assert {name: rows[name] for name in committed} == committed


# What moto's answers of EC2 say of it: Graviton2, and NVIDIA's T4, which no row of ours knows.
@pytest.mark.parametrize(
    ("family", "told"),
    [
        ("t4g", "has an Arm processor, and node images and containers are x86-64"),
        ("g4dn", "has T4, of which workloads/hardware.toml has no row; add one, [chips.T4], with"),
    ],
)
def test_a_family_that_cannot_be_used_as_it_is_ends_in_a_sentence(copy, capsys, family, told):
    before = copy.read_bytes()

    assert main(["--region", "us-east-2", "--family", family, "--file", str(copy)]) == 2

    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith(f"{family}.")
    assert told in last
    assert copy.read_bytes() == before


def test_a_family_ec2_does_not_have_is_told(copy, capsys):
    assert main(["--region", SMALL, "--family", "trn9", "--file", str(copy)]) == 1

    assert capsys.readouterr().err.endswith("EC2 offers no type of trn9 in me-south-1\n")


def test_a_new_file_needs_families(tmp_path, capsys):
    path = tmp_path / "new.json"

    assert main(["--region", SMALL, "--file", str(path)]) == 2

    assert capsys.readouterr().err == f"{path} has no families yet; name them with --family\n"


def test_an_endpoint_that_is_gone_is_one_sentence(copy, capsys, monkeypatch, moto_url):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")

    assert main(["--region", SMALL, "--file", str(copy)]) == 1
    assert main(["--file", str(copy)]) == 1

    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("EC2 in me-south-1 did not answer: Could not connect")
    assert second.startswith("EC2 in us-east-1 did not answer: Could not connect")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--region", "mars"], "'mars' is not a region; give one such as us-east-2"),
        (["--file", "."], ". cannot be read: Is a directory"),
    ],
)
def test_a_users_mistake_ends_with_two_and_one_sentence(capsys, arguments, told):
    assert main(arguments) == 2

    assert capsys.readouterr().err == f"{told}\n"


def test_a_broken_file_is_not_overwritten(tmp_path, capsys):
    broken = tmp_path / "hardware.json"
    broken.write_text("{")

    assert main(["--file", str(broken)]) == 2

    assert "is not JSON" in capsys.readouterr().err
    assert broken.read_text() == "{"


def test_cards_and_chips_are_read_from_one_answer():
    answer = {
        "InstanceType": "trn9.48xlarge",
        "ProcessorInfo": {"SupportedArchitectures": ["x86_64"]},
        "VCpuInfo": {"DefaultVCpus": 192, "DefaultCores": 96},
        "MemoryInfo": {"SizeInMiB": 2097152 + 512},
        "NeuronInfo": {"NeuronDevices": [{"Count": 16, "Name": "Trainium2"}]},
        "SupportedUsageClasses": ["spot", "capacity-block"],
        "NetworkInfo": {
            "Ipv4AddressesPerInterface": 50,
            "EfaInfo": {"MaximumEfaInterfaces": 1},
            "NetworkCards": [
                {
                    "NetworkCardIndex": 0,
                    "MaximumNetworkInterfaces": 4,
                    "InterfaceTypes": ["interface"],
                },
                {
                    "NetworkCardIndex": 1,
                    "MaximumNetworkInterfaces": 2,
                    "InterfaceTypes": ["interface", "efa", "efa-only"],
                },
            ],
        },
    }

    read = row(answer)

    assert read["network_cards"] == [[0, 4, False], [1, 2, True]]
    assert (read["chip"], read["chips"], read["efa_interfaces"]) == ("Trainium2", 16, 1)
    assert read["ipv4_per_interface"] == 50
    assert read["usage_classes"] == ["capacity-block", "spot"]
    assert read["memory_gib"] == 2048.5
    assert read["local_nvme_gb"] == 0


def test_rows_of_several_regions_are_merged():
    """A type is described where it is first offered, and once."""
    asked = []

    class Region:
        def __init__(self, region, types):
            self.region, self.types = region, types

        def get_paginator(self, operation):
            self.operation = operation
            return self

        def paginate(self, **question):
            if self.operation == "describe_instance_type_offerings":
                return [
                    {"InstanceTypeOfferings": [{"InstanceType": t, "Location": f"{self.region}-z"}]}
                    for t in self.types
                ]
            asked.append((self.region, question["Filters"][0]["Values"]))
            cards = [{"NetworkCardIndex": 0, "MaximumNetworkInterfaces": 4}]
            return [
                {
                    "InstanceTypes": [
                        {
                            "InstanceType": t,
                            "ProcessorInfo": {"SupportedArchitectures": ["i386", "x86_64"]},
                            "VCpuInfo": {"DefaultVCpus": 4, "DefaultCores": 2},
                            "MemoryInfo": {"SizeInMiB": 16384},
                            "NetworkInfo": {"NetworkCards": cards, "Ipv4AddressesPerInterface": 15},
                            "SupportedUsageClasses": ["on-demand"],
                        }
                    ]
                }
                for t in self.types
            ]

    regions = {"a": ["inf2.xlarge", "t3.micro"], "b": ["inf2.xlarge", "trn1.2xlarge"]}

    rows = refresh(
        lambda r: Region(r, regions[r]), ["a", "b"], ["inf2", "trn1"], {}, lambda line: None
    )

    assert asked == [("a", ["inf2.*"]), ("b", ["trn1.*"])]
    assert list(rows) == ["inf2.xlarge", "trn1.2xlarge"]
    assert rows["inf2.xlarge"]["zones"] == {"a": ["a-z"], "b": ["b-z"]}
