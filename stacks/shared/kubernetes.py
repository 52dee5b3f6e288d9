"""Names that the cluster, its pools and what runs on them agree on."""

NAMESPACE = "workloads"  # of every job and service
SERVICE_ACCOUNT = "workload"  # of their pods, which is allowed what stacks/cluster says

SYSTEM_NODES = {"pool": "system"}  # the label of the nodes that run the cluster's own pods
EFA_NODES = {"efa": "present"}  # the label of a pool's nodes that have EFA interfaces

NEURON, GPU = "aws.amazon.com/neuron", "nvidia.com/gpu"  # resources, and the taints of their nodes
EFA = "vpc.amazonaws.com/efa"
NEURON_DEVICE_CLASS = "neuron.aws.com"  # of Neuron's DRA driver, in its chart
