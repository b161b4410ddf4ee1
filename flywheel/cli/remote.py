"""The commands that ask a running service, and their names."""

from __future__ import annotations

import typer

from flywheel.cli import (
    audit,
    campaigns,
    datasets,
    episodes,
    iterations,
    logs,
    policies,
    schedules,
    status,
    tasks,
    tokens,
    webhooks,
)

PANEL = "Commands that ask a running service"

COMMANDS = {
    "status": status.status,
    "iterate": iterations.iterate,
    "iterations": iterations.iterations,
    "follow": iterations.follow_one,
    "logs": logs.logs,
    "cancel": iterations.cancel,
    "retry": iterations.retry,
    "approve": iterations.approve,
    "decline": iterations.decline,
    "promote": policies.promote,
    "rollback": policies.rollback,
    "retire": policies.retire,
    "deployments": policies.deployments,
    "tasks": tasks.tasks,
    "success-rates": tasks.success_rates,
    "audit": audit.audit,
    "whoami": tokens.whoami,
}
GROUPS = {
    "campaign": campaigns.app,
    "policies": policies.app,
    "episodes": episodes.app,
    "datasets": datasets.app,
    "schedules": schedules.app,
    "tokens": tokens.app,
    "webhooks": webhooks.app,
}


def add_to(app: typer.Typer) -> None:
    """Under a heading of their own."""
    for name, command in COMMANDS.items():
        app.command(name, rich_help_panel=PANEL)(command)
    for name, group in GROUPS.items():
        app.add_typer(group, name=name, rich_help_panel=PANEL)
