from flywheel.config.control import ControlConfig
from flywheel.hosting.host import scraped


def test_prometheus_is_told_of_the_service_and_of_every_living_node_of_ray():
    nodes = [
        {"NodeManagerAddress": "127.0.0.2", "MetricsExportPort": 4711, "Alive": True},
        {"NodeManagerAddress": "127.0.0.3", "MetricsExportPort": 4712, "Alive": False},
    ]
    api, endpoint, ray = scraped("arm", ControlConfig(port=8001), nodes)
    assert (api["targets"], api["labels"]["__metrics_path__"]) == (["127.0.0.1:8001"], "/metrics")
    assert (endpoint["targets"], endpoint["labels"]["__metrics_path__"]) == (["127.0.0.1:8001"], "/policy/metrics")
    assert ray["targets"] == ["127.0.0.2:4711"]
    assert {some["labels"]["flywheel"] for some in (api, endpoint, ray)} == {"arm"}
    assert [some["labels"]["job"] for some in (api, endpoint, ray)] == ["flywheel", "flywheel-endpoint", "flywheel-ray"]
