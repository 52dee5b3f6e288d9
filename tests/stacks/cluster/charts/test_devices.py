from stacks.cluster.charts import devices


def test_efas_plugin_goes_by_the_label_of_pools_with_efa_and_not_by_type():
    assert devices.efa()["supportedInstanceLabels"] == {"keys": ["efa"], "values": ["present"]}


def test_efas_plugin_tolerates_the_taint_of_every_accelerator():
    tolerated = {toleration["key"] for toleration in devices.efa()["tolerations"]}

    assert tolerated == {"aws.amazon.com/neuron", "nvidia.com/gpu"}


def test_nvidias_plugin_goes_by_the_label_that_the_autoscaler_asks_for():
    affinity = devices.nvidia()["affinity"]["nodeAffinity"]
    [term] = affinity["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]

    assert term["matchExpressions"] == [
        {"key": "k8s.amazonaws.com/accelerator", "operator": "Exists"}
    ]
