"""Every planted bug. Each is caught by its named test, or the test proves nothing."""

from typing import Final

from tests.faults.mutants.mutant import Mutant
from tests.faults.mutants.of_postgres import OF_POSTGRES
from tests.faults.mutants.of_the_ledger import OF_THE_LEDGER
from tests.faults.mutants.of_the_path import OF_THE_PATH

MUTANTS: Final[tuple[Mutant, ...]] = (*OF_THE_LEDGER, *OF_THE_PATH, *OF_POSTGRES)
FIRST: Final = tuple(mutant for mutant in MUTANTS if mutant.first)
BY_NAME: Final = {mutant.name: mutant for mutant in MUTANTS}
