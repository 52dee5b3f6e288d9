import pytest

from operations.embedded.verify.compare import lost


@pytest.mark.parametrize(
    ("expected", "found"),
    [
        ({"Name": "a"}, {"name": "a", "more": 1}),
        ({"Size": 5}, {"Size": "5"}),
        ({"On": True}, {"On": "true"}),
        ({"On": False}, {}),
        ({"Ids": ["a", "b"]}, {"Ids": ["b", "a", "c"]}),
        ({"Rules": [{"Port": 1}]}, {"Rules": [{"Port": 2}, {"Port": 1, "From": "x"}]}),
        ({"Tags": [{"Key": "k", "Value": "v"}]}, {"Tags": {"k": "v", "other": "w"}}),
        ({"Tags": {"k": "v"}}, {"tags": [{"key": "k", "value": "v"}]}),
        ({"Policy": {"Action": ["a"]}}, {"Policy": '{"Action": "a"}'}),
        ({"Mode": {}}, {}),
    ],
)
def test_what_is_all_there_is_not_lost(expected, found):
    assert list(lost(expected, found)) == []


@pytest.mark.parametrize(
    ("expected", "found", "paths"),
    [
        ({"Name": "a"}, {"Name": "b"}, ["Name"]),
        ({"Name": "a"}, {}, ["Name"]),
        ({"Name": "a"}, None, [""]),
        ({"On": True}, {}, ["On"]),
        ({"On": True}, {"On": False}, ["On"]),
        ({"Data": {"Card": 7}}, {"Data": {"Device": 1}}, ["Data.Card"]),
        ({"Ids": ["a", "b"]}, {"Ids": ["b"]}, ["Ids"]),
        ({"Nics": [{"Card": 1, "Type": "efa"}]}, {"Nics": [{"Card": 1}]}, ["Nics.Type"]),
        ({"Tags": [{"Key": "k", "Value": "v"}]}, {"Tags": {"k": "w"}}, ["Tags.k"]),
        ({"Policy": {"Action": ["a", "b"]}}, {"Policy": '{"Action": "a"}'}, ["Policy.Action"]),
        ({"Size": 5}, {"Size": 50}, ["Size"]),
    ],
)
def test_what_is_missing_or_different_is_told_by_its_path(expected, found, paths):
    assert list(lost(expected, found)) == paths
