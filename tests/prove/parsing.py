"""Parsing differentials: what admit admits is one document to OPA, Go, JavaScript, Java and the rest of our Python. A case is one document."""

from tests.prove.suite import Assignment, Failure, Report
from tests.simulation.parsing.differential import admitted, disagreements, misjudged, unfolded
from tests.simulation.parsing.documents import ADMITTED, REFUSED, drawn
from tests.simulation.parsing.readers import READERS


def run(given: Assignment) -> Report:
    """`only` names one reader, which is asked about all the documents of the seed again."""
    corpus = [*REFUSED.values(), *ADMITTED.values()]
    documents = [*corpus, *drawn(max(0, given.volume - len(corpus)), seeded=given.seed)]
    good = admitted(documents)
    wrong = [Failure(case="corpus", what=what) for what in misjudged()]
    for name, reader in READERS.items():
        if given.only in {"", name}:
            wrong += [Failure(case=name, what=what) for what in disagreements(name, reader, good, given.folder)]
        given.told(len(documents))
    folded, apart = unfolded(given.folder)
    wrong += [Failure(case="corpus", what=what) for what in apart]
    note = f"{len(good)} of them admitted and read alike by {len(READERS)} parsers; {folded} pairs of letters that Go folds"
    return Report(volume=len(documents), failures=tuple(wrong[: given.failures_max]), note=note)
