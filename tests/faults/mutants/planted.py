"""Every planted bug. Each is caught by the test or the suite that is named for it, or that proves nothing."""

from typing import Final

from tests.faults.mutants.mutant import Mutant
from tests.faults.mutants.of_postgres import OF_POSTGRES
from tests.faults.mutants.of_the_ledger import OF_THE_LEDGER
from tests.faults.mutants.of_the_path import OF_THE_PATH
from tests.faults.mutants.of_the_suites import OF_THE_SUITES

MUTANTS: Final[tuple[Mutant, ...]] = (*OF_THE_LEDGER, *OF_THE_PATH, *OF_POSTGRES, *OF_THE_SUITES)
FIRST: Final = tuple(mutant for mutant in MUTANTS if mutant.first)
BY_NAME: Final = {mutant.name: mutant for mutant in MUTANTS}
