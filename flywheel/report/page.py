"""report.html: one page that needs nothing else, no network and no script."""

from collections.abc import Sequence
from html import escape
from importlib.resources import files
from string import Template

import yaml

from flywheel.report import figures, gate, mixture, words
from flywheel.report.film import Strip
from flywheel.report.schema import Mean, Report, Result
from flywheel.report.table import task_names


def page(report: Report, strips: Sequence[Strip] = (), *, film_note: str | None = None) -> str:
    """The whole page. `film_note`: why there are no film strips, in a sentence."""
    sections = [
        _head(report),
        figures.success(report),
        _rates(report),
        figures.speed_and_time(report),
        _film(report, strips, film_note),
        _turns(report),
        gate.section(report),
        mixture.section(report),
        figures.training(report),
        _details(report),
    ]
    folder = files(__package__)
    return Template((folder / "page.html").read_text(encoding="utf-8")).substitute(
        title=f"{escape(report.name)} &middot; flywheel report",
        style=(folder / "page.css").read_text(encoding="utf-8"),
        body="\n".join(section for section in sections if section),
    )


def _head(report: Report) -> str:
    mean, sentence = words.headline(report)
    number = "&ndash;" if mean is None else words.percent(mean.rate)
    interval = "" if mean is None else f"<small>95% interval {words.interval(mean)}</small>"
    facts = "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in words.facts(report))
    return f"""<header>
<h1>{escape(report.name)}</h1>
<div class="headline">{number}{interval}</div>
<p class="lead">{escape(sentence)}</p>
{_notice(report)}
<dl class="facts">{facts}</dl>
</header>"""


def _notice(report: Report) -> str:
    if report.finished:
        return ""
    return f'<p class="notice">This run is not finished. Still to come: {escape("; ".join(report.missing))}.</p>'


def _rates(report: Report) -> str:
    tasks = task_names(report)
    head = "".join(
        f"<th>{escape(name)}</th>"
        for name in ("", "version", "gate", *words.short_names(tasks).values(), "mean of tasks")
    )
    lines = [_rate_row("data", "demonstrations", "", report.data.tasks, report.data.mean, tasks)]
    lines += [
        _rate_row(str(turn.number), turn.policy_version or "", turn.decision or "", turn.tasks, turn.mean, tasks)
        for turn in report.iterations
        if turn.tasks is not None
    ]
    if report.final is not None:
        final = report.final
        lines.append(_rate_row("final", final.policy_version, "", final.tasks, final.mean, tasks))
    return f"""<section>
<h2>Success rates</h2>
<p class="lead">Each candidate in its iteration&rsquo;s evaluation, most likely actions; the final assessment on fresh
initial states. Below each rate: successes of scored episodes and the 95% interval.</p>
<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{"".join(lines)}</tbody></table></div>
</section>"""


def _rate_row(
    label: str, version: str, decision: str, results: dict[str, Result], mean: Mean | None, tasks: Sequence[str]
) -> str:
    kind = {"reject": "rejected", "promote": "promoted"}.get(decision, label if label in ("data", "final") else "")
    cells = "".join(_rate_cell(results.get(task)) for task in tasks)
    middle = "" if mean is None else f"<b>{words.percent(mean.rate)}</b><span>{words.interval(mean)}</span>"
    return (
        f'<tr class="{kind}"><td>{label}</td><td>{escape(version)}</td><td class="{decision}">'
        f'{words.DECISIONS.get(decision, "")}</td>{cells}<td class="rate">{middle}</td></tr>'
    )


def _rate_cell(result: Result | None) -> str:
    if result is None or result.rate is None:
        left_out = "" if result is None else words.left_out(result)
        return f'<td class="rate"><b>&ndash;</b><span>{left_out or "not evaluated"}</span></td>'
    details = " &middot; ".join(
        part
        for part in (f"{result.successes} of {result.episodes}", words.interval(result), words.left_out(result))
        if part
    )
    return f'<td class="rate"><b>{words.percent(result.rate)}</b><span>{details}</span></td>'


def _turns(report: Report) -> str:
    head = "".join(
        f"<th>{name}</th>" for name in ("", "candidate", "trained from", "updates", "data", "gate", "live", "wall time")
    )
    lines = []
    for turn in report.iterations:
        data = ", ".join(f"{table} v{version}" for table, version in (turn.trained_on or {}).items())
        decision = f'<span class="{turn.decision}">{words.DECISIONS[turn.decision]}</span>' if turn.decision else ""
        decision = decision or (turn.state if turn.state in ("failed", "cancelled") else "")
        reason = f'<div class="quiet">{escape(turn.reason)}</div>' if turn.reason else ""
        cells = (
            str(turn.number),
            escape(turn.policy_version or ""),
            escape(turn.parent or ("fresh weights" if turn.policy_version else "")),
            f"{turn.num_updates:,}" if turn.num_updates else "",
            escape(data),
            decision + reason,
            escape(turn.live or "none"),
            words.duration(sum(stage.wall_s for stage in turn.stages.values())),
        )
        lines.append("<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
    return f"""<section>
<h2>The turns of the wheel</h2>
<p class="lead">What each candidate was made from, and what the promotion gate said.</p>
<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{"".join(lines)}</tbody></table></div>
</section>"""


def _film(report: Report, strips: Sequence[Strip], note: str | None) -> str:
    if not strips:
        return "" if note is None else f"<section><h2>Episodes</h2><p class='lead'>{escape(note)}</p></section>"
    parts = []
    for task, name in words.short_names(task_names(report)).items():
        mine = [strip for strip in strips if strip.task == task]
        shown = "".join(_strip(strip) for strip in mine)
        for success, missing in ((True, "success"), (False, "failure")):
            if all(strip.success is not success for strip in mine):
                shown += f'<p class="missing">No {missing} among the evaluated episodes.</p>'
        parts.append(f'<div class="film"><h3>{escape(name)}</h3>{shown}</div>')
    return f"""<section>
<h2>Episodes</h2>
<p class="lead">Of each task a typical success, and the most typical failure of each way to fail, the last
version&rsquo;s where it has one, replayed from the recorded seed and actions. Time runs from left to right.</p>
{"".join(parts)}
</section>"""


def _strip(strip: Strip) -> str:
    image = ""
    if strip.image is not None:
        image = f'<img src="{strip.data_url}" alt="{escape(strip.caption)}" loading="lazy">'
    kind = {True: "promote", False: "reject"}[strip.success]
    title = "Success" if strip.success else "Failure"
    return f'<figure>{image}<figcaption><b class="{kind}">{title}</b> {escape(strip.caption)}</figcaption></figure>'


def _details(report: Report) -> str:
    versions = "".join(
        f"<tr><td>{escape(name)}</td><td>{escape(value)}</td></tr>" for name, value in report.versions.items()
    )
    digests = "".join(
        f"<tr><td>{escape(turn.policy_version)}</td><td><code>{escape(turn.digest or '')}</code></td></tr>"
        for turn in report.iterations
        if turn.policy_version
    )
    settings = escape(yaml.safe_dump(report.config, sort_keys=False, allow_unicode=True))
    return f"""<section>
<h2>To do it again</h2>
<p class="lead">Seed {report.seed}. The same configuration and seed give the same episodes.</p>
<details><summary>Configuration</summary><pre>{settings}</pre></details>
<details><summary>Versions</summary><table><tbody>{versions}</tbody></table></details>
<details><summary>Digests of the weights (sha256)</summary>
<div class="scroll"><table><tbody>{digests}</tbody></table></div></details>
<footer>The same as plain data: report.json, beside this page.</footer>
</section>"""
