import json

import pytest
import yaml

from stacks.cluster.charts import queueing

ALLOCATORS = ("device-plugin", "dra")


@pytest.mark.parametrize("allocator", ALLOCATORS)
def test_the_text_is_the_configuration_in_yaml(allocator):
    text = queueing.kueue(allocator)["managerConfig"]["controllerManagerConfigYaml"]

    assert yaml.safe_load(text) == queueing.configuration(allocator)
    assert json.loads(text)["apiVersion"] == "config.kueue.x-k8s.io/v1beta2"


@pytest.mark.parametrize("allocator", ALLOCATORS)
def test_no_job_of_the_namespace_goes_round_the_queue(allocator):
    configuration = queueing.configuration(allocator)

    assert configuration["manageJobsWithoutQueueName"] is True
    assert configuration["managedJobsNamespaceSelector"] == {
        "matchLabels": {"kubernetes.io/metadata.name": "workloads"}
    }
    assert set(configuration["integrations"]["frameworks"]) == {
        "batch/job",
        "jobset.x-k8s.io/jobset",
    }


@pytest.mark.parametrize("allocator", ALLOCATORS)
def test_a_gang_that_does_not_start_is_put_back_where_it_was(allocator):
    waiting = queueing.configuration(allocator)["waitForPodsReady"]

    assert waiting["timeout"] == "30m"
    assert waiting["requeuingStrategy"]["timestamp"] == "Creation"
    assert waiting["blockAdmission"] is False


def test_a_claim_counts_against_the_quota_that_a_device_counts_against():
    assert queueing.configuration("dra")["resources"]["deviceClassMappings"] == [
        {"name": "aws.amazon.com/neuron", "deviceClassNames": ["neuron.aws.com"]}
    ]
    assert "deviceClassMappings" not in queueing.configuration("device-plugin")["resources"]


def test_the_controllers_run_on_the_system_nodes():
    assert queueing.kueue("dra")["controllerManager"]["nodeSelector"] == {"pool": "system"}
    assert queueing.jobset()["controller"]["nodeSelector"] == {"pool": "system"}
