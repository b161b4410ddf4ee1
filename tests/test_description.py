"""What Ray Serve is asked to run."""

import json
from dataclasses import asdict
from pathlib import Path

from desk import open_desk
from issuer import AUDIENCE, issuing
from ray.serve.schema import ServeDeploySchema
from small import small_config

from flywheel.core.access import Principal, Scope
from flywheel.hosting.description import control_application, control_with, identify, serve_config


def test_it_is_plain_and_valid_and_the_supervisor_finds_the_same():
    config = small_config()
    described = serve_config(config, "s3://bucket/prefix")
    checked = ServeDeploySchema.model_validate(json.loads(json.dumps(described)))
    assert [application.route_prefix for application in checked.applications] == ["/"]
    assert described["applications"] == [control_application(config, "s3://bucket/prefix")]
    # Serve would start it anew if it were described otherwise the next time.
    assert json.dumps(described) == json.dumps(serve_config(small_config(), "s3://bucket/prefix"))


def test_what_was_described_with_other_digits_or_without_defaults_is_described_again_as_it_was():
    """Go, in which KubeRay and Helm are written, makes 2.0 a 2; the chart leaves defaults out."""
    given = {"config": {"name": "a", "collect": {"sharpness": 2}}, "store": "s3://bucket/prefix"}
    assert json.dumps(control_with(given)["args"]) == json.dumps(given)


def test_the_endpoint_knows_the_issuer_that_the_service_was_started_with_and_the_stores_tokens(tmp_path: Path):
    desk = open_desk(tmp_path, small_config())  # Made without an issuer.
    with issuing() as issuer:
        config = small_config(control={"oidc": {"issuer": issuer.url, "audience": AUDIENCE}})
        described = identify(config, str(tmp_path))
        assert json.loads(json.dumps(asdict(described))) == asdict(described)
        whose, whose_without = described(), identify(small_config(), str(tmp_path))()
        found = whose(issuer.token(scope="flywheel:act"))
        assert found == Principal(name="oidc:ann", scopes=frozenset({Scope.ACT}))
        assert whose_without(issuer.token(scope="flywheel:act")) is None
    for known in (whose, whose_without):
        found = known(desk.secrets[Scope.ACT])
        assert found is not None
        assert found.may(Scope.ACT)
