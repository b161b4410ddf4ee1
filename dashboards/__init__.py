"""What Grafana shows and Prometheus alerts on. `python -m dashboards.build` writes json/ anew."""
