import json

import pytest

STAGES = ("Data", "Checkpoints", "Models", "Artifacts")
KEPT = {"prod": True, "closed": True, "demo": False}


def stage_buckets(stack):
    return {
        name: bucket
        for name, bucket in stack.every("AWS::S3::Bucket").items()
        if name.startswith(STAGES)
    }


def test_each_stage_has_a_bucket_and_says_its_name(stacks):
    storage = stacks("prod")["storage"]
    buckets = stage_buckets(storage)

    named = {name: storage.template["Outputs"][f"{name}Bucket"]["Value"] for name in STAGES}

    assert len(buckets) == 4
    assert {name: value["Ref"].startswith(name) for name, value in named.items()} == dict.fromkeys(
        STAGES, True
    )


@pytest.mark.parametrize("environment", KEPT)
def test_every_bucket_refuses_what_is_not_tls_1_2(stacks, environment):
    storage = stacks(environment)["storage"]

    refused = {
        policy["Bucket"]["Ref"]: [
            statement["Condition"]
            for statement in policy["PolicyDocument"]["Statement"]
            if statement["Effect"] == "Deny"
        ]
        for policy in storage.every("AWS::S3::BucketPolicy").values()
    }

    assert set(refused) == set(storage.every("AWS::S3::Bucket"))
    for conditions in refused.values():
        assert {"Bool": {"aws:SecureTransport": "false"}} in conditions
        assert {"NumericLessThan": {"s3:TlsVersion": 1.2}} in conditions


@pytest.mark.parametrize("environment", KEPT)
def test_no_bucket_can_be_public(stacks, environment):
    for bucket in stacks(environment)["storage"].every("AWS::S3::Bucket").values():
        assert all(bucket["PublicAccessBlockConfiguration"].values())
        assert bucket["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]


def test_the_stages_buckets_are_encrypted_under_one_rotated_key(stacks):
    storage = stacks("prod")["storage"]
    [key] = storage.every("AWS::KMS::Key")

    for bucket in stage_buckets(storage).values():
        [rule] = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        assert rule == {
            "BucketKeyEnabled": True,
            "ServerSideEncryptionByDefault": {
                "KMSMasterKeyID": {"Fn::GetAtt": [key, "Arn"]},
                "SSEAlgorithm": "aws:kms",
            },
        }
    assert storage.only("AWS::KMS::Key")["EnableKeyRotation"] is True


def test_unfinished_uploads_are_dropped_and_rare_objects_cost_less(stacks):
    for bucket in stage_buckets(stacks("prod")["storage"]).values():
        [rule] = bucket["LifecycleConfiguration"]["Rules"]
        assert rule["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 7}
        assert rule["Transitions"] == [
            {"StorageClass": "INTELLIGENT_TIERING", "TransitionInDays": 0}
        ]


def test_only_compiled_graphs_expire(stacks):
    expire = {
        name.rstrip("0123456789ABCDEF"): bucket["LifecycleConfiguration"]["Rules"][0].get(
            "ExpirationInDays"
        )
        for name, bucket in stage_buckets(stacks("prod")["storage"]).items()
    }

    assert sorted(expire.values(), key=str) == [180, None, None, None]
    assert expire["Artifacts"] == 180


@pytest.mark.parametrize(("environment", "kept"), KEPT.items())
def test_data_outlives_its_stack_only_where_asked(stacks, environment, kept):
    storage = stacks(environment)["storage"]

    policies = {
        resource["DeletionPolicy"]
        for resource in storage.template["Resources"].values()
        if resource["Type"] in ("AWS::S3::Bucket", "AWS::KMS::Key", "AWS::FSx::FileSystem")
        or resource["Type"] == "AWS::ECR::Repository"
    }

    assert policies == ({"Retain"} if kept else {"Delete"})
    assert len(storage.every("Custom::S3AutoDeleteObjects")) == (0 if kept else 5)
    assert storage.termination_protection is kept


def test_lustre_is_encrypted_and_beside_the_nodes_that_train(stacks):
    lustre = stacks("closed")["storage"].only("AWS::FSx::FileSystem")
    [subnet] = lustre["SubnetIds"]

    assert "VpcPrivateSubnet3" in subnet["Fn::GetStackOutput"]["OutputName"]  # usw2-az4: block
    assert lustre["KmsKeyId"]["Ref"].startswith("Key")
    assert lustre["StorageCapacity"] == 1200
    assert lustre["LustreConfiguration"]["DeploymentType"] == "PERSISTENT_2"


def test_lustre_is_mounted_from_within_the_vpc_alone(stacks):
    storage = stacks("closed")["storage"]

    rules = storage.only("AWS::EC2::SecurityGroup")["SecurityGroupIngress"]

    assert {rule["CidrIp"] for rule in rules} == {"172.16.0.0/20"}


def test_there_is_no_lustre_unless_asked(stacks):
    assert not stacks("prod")["storage"].every("AWS::FSx::FileSystem")


@pytest.mark.parametrize("environment", KEPT)
def test_images_never_change_under_their_tag_and_are_scanned_and_encrypted(stacks, environment):
    storage = stacks(environment)["storage"]
    images = storage.only("AWS::ECR::Repository")
    [key] = storage.every("AWS::KMS::Key")

    assert images["ImageTagMutability"] == "IMMUTABLE"
    assert images["ImageScanningConfiguration"] == {"ScanOnPush": True}
    assert images["EncryptionConfiguration"] == {
        "EncryptionType": "KMS",
        "KmsKey": {"Fn::GetAtt": [key, "Arn"]},
    }
    assert images.get("EmptyOnDelete", False) is not KEPT[environment]


def test_tagged_images_go_only_when_there_are_a_hundred_newer_ones(stacks):
    images = stacks("prod")["storage"].only("AWS::ECR::Repository")

    rules = json.loads(images["LifecyclePolicy"]["LifecyclePolicyText"])["rules"]

    assert [rule["selection"] for rule in rules] == [
        {
            "tagStatus": "untagged",
            "countType": "sinceImagePushed",
            "countNumber": 14,
            "countUnit": "days",
        },
        {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 100},
    ]


def test_environments_of_one_account_have_repositories_of_their_own(stacks):
    names = {
        environment: stacks(environment)["storage"].only("AWS::ECR::Repository")["RepositoryName"]
        for environment in ("demo", "dev", "prod")
    }

    assert names == {name: f"{name}/workloads" for name in names}


def import_role(stacks):
    storage = stacks("prod")["storage"]
    [name] = [name for name in storage.every("AWS::IAM::Role") if name.startswith("BedrockImport")]
    [policy] = [
        policy
        for policy in storage.every("AWS::IAM::Policy").values()
        if policy["Roles"] == [{"Ref": name}]
    ]
    return storage.every("AWS::IAM::Role")[name], policy["PolicyDocument"]["Statement"]


def test_bedrock_assumes_its_role_for_import_jobs_of_this_account_alone(stacks):
    role, _ = import_role(stacks)

    [trust] = role["AssumeRolePolicyDocument"]["Statement"]

    assert trust["Principal"] == {"Service": "bedrock.amazonaws.com"}
    assert trust["Condition"] == {
        "StringEquals": {"aws:SourceAccount": "111122223333"},
        "ArnLike": {"aws:SourceArn": "arn:aws:bedrock:us-east-2:111122223333:model-import-job/*"},
    }


def test_bedrock_reads_what_is_put_there_for_it_and_changes_nothing(stacks):
    _, statements = import_role(stacks)

    allowed = {statement["Action"]: statement for statement in statements}

    assert allowed.keys() == {"s3:GetObject", "s3:ListBucket", "kms:Decrypt"}
    assert allowed["s3:GetObject"]["Resource"]["Fn::Join"][1][-1] == "/bedrock/*"
    assert allowed["s3:ListBucket"]["Condition"]["StringLike"] == {"s3:prefix": ["bedrock/*"]}


def test_what_an_import_is_told_is_an_output(stacks):
    outputs = stacks("prod")["storage"].template["Outputs"]

    assert outputs["BedrockImportRole"]["Value"]["Fn::GetAtt"][0].startswith("BedrockImport")
    [scheme, bucket, prefix] = outputs["BedrockImports"]["Value"]["Fn::Join"][1]
    assert (scheme, prefix) == ("s3://", "/bedrock")
    assert bucket["Ref"].startswith("Models")
