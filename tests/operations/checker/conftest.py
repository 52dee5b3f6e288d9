"""Clean templates to plant traps into."""

import base64
import copy
import json
from dataclasses import dataclass

import pytest

from operations.checker import check

CHART = "Custom::AWSCDK-EKS-HelmChart"
MANIFEST = "Custom::AWSCDK-EKS-KubernetesResource"


@dataclass
class Planted:
    """An environment's templates, each a copy of its own that a test may spoil."""

    templates: dict

    def pool(self, name):
        return self.templates[f"prod-pool-{name}"]

    def only(self, kind, pool="trn1"):
        """The properties of a pool's one resource of a type."""
        [found] = [
            body["Properties"]
            for body in self.pool(pool)["Resources"].values()
            if body["Type"] == kind
        ]
        return found

    def data(self, pool="trn1"):
        return self.only("AWS::EC2::LaunchTemplate", pool)["LaunchTemplateData"]

    def interfaces(self, pool="trn1"):
        return self.data(pool)["NetworkInterfaces"]

    def group(self, pool="trn1"):
        return self.only("AWS::EKS::Nodegroup", pool)

    def drop(self, kind, pool="trn1"):
        """Take a pool's one resource of a type away."""
        resources = self.pool(pool)["Resources"]
        [name] = [name for name, body in resources.items() if body["Type"] == kind]
        del resources[name]

    def replace(self, old, new, pool="trn1"):
        """Change a pool's user data."""
        data = self.data(pool)
        text = base64.b64decode(data["UserData"]).decode()
        assert old in text
        data["UserData"] = base64.b64encode(text.replace(old, new, 1).encode()).decode()

    def apply(self, *objects):
        """Let the cluster's stack apply Kubernetes objects, as the CDK's custom resource does."""
        self.install(MANIFEST, Manifest=json.dumps(objects))

    def chart(self, name, **values):
        """Let the cluster's stack install a chart, as the CDK's custom resource does."""
        self.install(CHART, Chart=name, Values=json.dumps(values))

    def install(self, kind, **properties):
        resources = self.templates["prod-cluster"]["Resources"]
        [cluster] = [k for k, body in resources.items() if body["Type"] == "AWS::EKS::Cluster"]
        name = f"Planted{sum(key.startswith('Planted') for key in resources)}"
        resources[name] = {"Type": kind, "Properties": {"ClusterName": {"Ref": cluster}}}
        resources[name]["Properties"] |= properties

    def add(self, kind, properties, pool="trn1", name="Planted"):
        self.pool(pool)["Resources"][name] = {"Type": kind, "Properties": properties}

    @property
    def findings(self):
        return check(self.templates)

    @property
    def rules(self):
        """The ids of the rules that do not hold."""
        return {finding.rule for finding in self.findings}


@pytest.fixture
def prod(stacks):
    """The environment prod, to spoil."""
    return Planted(
        {f"prod-{name}": copy.deepcopy(stack.template) for name, stack in stacks("prod").items()}
    )
