"""What Ray Serve is asked to run."""

import json

from ray.serve.schema import ServeDeploySchema
from small import small_config

from flywheel.hosting.description import control_application, serve_config


def test_it_is_plain_and_valid_and_the_supervisor_finds_the_same():
    config = small_config()
    described = serve_config(config, "s3://bucket/prefix")
    checked = ServeDeploySchema.model_validate(json.loads(json.dumps(described)))
    assert [application.route_prefix for application in checked.applications] == ["/"]
    assert described["applications"] == [control_application(config, "s3://bucket/prefix")]
    # Serve would start it anew if it were described otherwise the next time.
    assert json.dumps(described) == json.dumps(serve_config(small_config(), "s3://bucket/prefix"))
