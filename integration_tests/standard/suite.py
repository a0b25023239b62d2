"""The CDK's own test suite for the connector as Python source; test_standard.py runs it.

By hand, beside `python -m pipedrive_sandbox --fields test --scale 0.05 --rate-limit 100000`:

    pytest -c /dev/null --rootdir . -p airbyte_cdk.test.standard_tests.pytest_hooks
        -m "not image_tests" integration_tests/standard/suite.py
"""

from airbyte_cdk.test.standard_tests import SourceTestSuiteBase

from source_pipedrive.source import SourcePipedrive


class TestSourcePipedrive(SourceTestSuiteBase):
    """The tests are the CDK's; the scenarios are those of acceptance-test-config.yml."""

    connector = SourcePipedrive
