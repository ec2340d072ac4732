"""What the compiler will do with each operator: the rules first, then the cut through the graph."""

from dataclasses import dataclass, replace

from .model import Model, Operator, Subgraph
from .rules import Rule, Rules, load

MAPS, STAYS, MAY = "maps", "stays on CPU", "may not map"
MAPPED = "Mapped to Edge TPU"


@dataclass(frozen=True)
class Verdict:
    """The prediction for one operator; `expected` is the side (`TPU`, `CPU`) it is counted on where the verdict is `may not map`."""

    operator: Operator
    verdict: str
    status: str  # in the compiler's own words
    remedy: str
    sure: str
    source: str
    expected: str
    runtime: int | None  # lowest one of Coral's table, None where the operator is in none
    behind: int | None = None  # the operator whose fate this one shares


@dataclass(frozen=True)
class Refusal:
    """Why the compiler will not compile the model at all."""

    operator: Operator
    status: str
    outcome: str
    remedy: str
    sure: str
    source: str


def predict(model: Model) -> tuple[tuple[Verdict, ...], Refusal | None]:
    """A verdict for every operator of every subgraph, in order, and the reason for which the whole model is refused, if any."""
    rules = load()
    refusal = _refusal(model, rules)
    verdicts = [_alone(model.main, operator, rules) for operator in model.main.operators]
    verdicts = [_refused(verdict, refusal) for verdict in verdicts] if refusal else _cut(model.main, verdicts, rules)
    for graph in model.subgraphs[1:]:  # bodies of WHILE and IF, which are no operators of the Edge TPU
        verdicts += [_behind(_alone(graph, operator, rules), None, rules) for operator in graph.operators]
    return tuple(verdicts), refusal


def _refusal(model: Model, rules: Rules) -> Refusal | None:
    for rule in rules.refusals:
        for graph in model.subgraphs:
            for operator in graph.operators:
                if rule.applies(graph, operator):
                    status = rule.status.format(operator=operator.name, version=operator.version)
                    return Refusal(operator, status, rule.outcome, rule.remedy, rule.sure, rule.source)
    return None


def _alone(graph: Subgraph, operator: Operator, rules: Rules) -> Verdict:
    """The verdict on an operator whatever stands before it."""
    applying = [rule for rule in rules.limits if rule.applies(graph, operator)]
    certain = next((rule for rule in applying if rule.sure != "unsure"), None)
    known = rules.operators.get(operator.name)
    if certain is not None:
        verdict = _by(operator, STAYS, certain, "CPU", known.runtime if known else None)
        if known is None and certain.operators == ("*",) and certain.when == "data_type":  # another type would not help
            verdict = replace(verdict, remedy=rules.unsupported["remedy"])
        return verdict
    if known is None:
        text = rules.unsupported
        return Verdict(operator, STAYS, text["status"], text["remedy"], text["sure"], text["source"], "CPU", None)
    if applying:
        return _by(operator, MAY, applying[0], "TPU", known.runtime)
    if known.sure == "unsure":
        remedy = "in a copy of Coral's table only: compile it to know, or use an operator that is seen mapped"
        return Verdict(operator, MAY, MAPPED, remedy, "unsure", known.source, "TPU", known.runtime)
    return Verdict(operator, MAPS, MAPPED, "", known.sure, known.source, "TPU", known.runtime)


def _by(operator: Operator, verdict: str, rule: Rule, expected: str, runtime: int | None) -> Verdict:
    return Verdict(operator, verdict, rule.status, rule.remedy, rule.sure, rule.source, expected, runtime)


def _refused(verdict: Verdict, refusal: Refusal) -> Verdict:
    if verdict.operator is refusal.operator:
        return Verdict(verdict.operator, STAYS, refusal.status, refusal.remedy, refusal.sure, refusal.source, "CPU", verdict.runtime)
    return Verdict(
        verdict.operator,
        STAYS,
        refusal.outcome,
        "see the operator that is refused",
        refusal.sure,
        refusal.source,
        "CPU",
        verdict.runtime,
        refusal.operator.index,
    )


def _behind(verdict: Verdict, cause: int | None, rules: Rules) -> Verdict:
    """An operator that could map but does not, because of another one; one that cannot keeps its own reason."""
    if verdict.expected == "CPU":
        return verdict
    status = rules.behind["status_of"].get(verdict.operator.name, rules.behind["status"])
    return Verdict(verdict.operator, STAYS, status, rules.behind["remedy"], "log", rules.behind["source"], "CPU", verdict.runtime, cause)


def _cut(graph: Subgraph, verdicts: list[Verdict], rules: Rules) -> list[Verdict]:
    """Keep the first set of supported operators that can run in one go; everything else stays on the CPU.

    As TF Lite partitions a graph for a delegate: sets are filled by turns with supported and unsupported operators, each with all
    whose inputs are ready; the compiler takes the first supported set. Branches that need nothing from the CPU therefore still map.
    """
    supported = [verdict.expected == "TPU" for verdict in verdicts]
    readers: dict[int, list[int]] = {}
    for operator in graph.operators:
        for tensor in operator.inputs:
            if tensor in graph.made_by and graph.made_by[tensor] != operator.index:
                readers.setdefault(graph.made_by[tensor], []).append(operator.index)
    waiting = [
        sum(graph.made_by.get(tensor, operator.index) != operator.index for tensor in operator.inputs) for operator in graph.operators
    ]
    ready = [operator.index for operator in graph.operators if waiting[operator.index] == 0]
    first: set[int] = set()
    for side in (False, True) if ready and not supported[ready[0]] else (True,):
        taken, later = [], []
        while ready:
            index = ready.pop()
            if supported[index] != side:
                later.append(index)
                continue
            taken.append(index)
            for reader in readers.get(index, []):
                waiting[reader] -= 1
                if waiting[reader] == 0:
                    ready.append(reader)
        ready = later
        if side:
            first = set(taken)
    if not first:
        return [_behind(verdict, None, rules) for verdict in verdicts]
    causes, doubts = _nearest(graph, verdicts, "CPU"), _nearest(graph, verdicts, MAY)
    return [
        _shared_fate(verdict, doubts[i], rules) if i in first else _behind(verdict, causes[i], rules) for i, verdict in enumerate(verdicts)
    ]


def _shared_fate(verdict: Verdict, doubt: int | None, rules: Rules) -> Verdict:
    """The verdict before the cut. Behind an operator that may not map, a `maps` is no longer sure either."""
    if verdict.verdict != MAPS or doubt is None:
        return verdict
    remedy = f"depends on operator {doubt}, which may not map"
    return Verdict(verdict.operator, MAY, rules.behind["status"], remedy, "unsure", verdict.source, "TPU", verdict.runtime, doubt)


def _nearest(graph: Subgraph, verdicts: list[Verdict], wanted: str) -> list[int | None]:
    """For each operator the last one it depends on that is on side `wanted` (or has that verdict); one pass in execution order."""
    nearest: list[int | None] = []
    for operator in graph.operators:
        found = -1
        for tensor in operator.inputs:
            maker = graph.made_by.get(tensor, operator.index)
            if maker < operator.index:
                is_wanted = wanted in (verdicts[maker].expected, verdicts[maker].verdict)
                above = nearest[maker]
                found = max(found, maker if is_wanted else -1 if above is None else above)
        nearest.append(None if found < 0 else found)
    return nearest
