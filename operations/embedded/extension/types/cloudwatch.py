"""CloudWatch: alarms, because ministack's own handler refuses one over a metric expression."""

from operations.embedded.extension.api_type import ApiType
from operations.embedded.extension.handler import Handler

ALARM = ApiType(
    type="AWS::CloudWatch::Alarm",
    service="cloudwatch",
    create_only=("AlarmName",),
    create_call="PutMetricAlarm",
    read_call="DescribeAlarms",
    update_call="PutMetricAlarm",
    delete_call="DeleteAlarms",
    record="MetricAlarms[0]",
    id="{AlarmName}",
    at={"AlarmNames": "{id}"},
    change_at={"AlarmName": "{id}"},
    delete_at={"AlarmNames": "{id}"},
    attributes={"Arn": "AlarmArn"},
    named_by="AlarmName",
    longest_name=255,
    tag_target="{AlarmArn}",
)

HANDLERS: tuple[Handler, ...] = (ALARM,)
