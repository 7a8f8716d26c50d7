# Written by `make stubs`.
from funnel.machines._check import MachineCheck as MachineCheck
from funnel.machines._journey import Journey as Journey
from funnel.machines._journey import Spell as Spell
from funnel.machines._journey import Transition as Transition
from funnel.machines._machine import Transitions as Transitions
from funnel.machines._table import Cause as Cause
from funnel.stages import SHOP_MACHINE as SHOP_MACHINE
from funnel.stages import TRANSITIONS as TRANSITIONS
from funnel.stages import Machine as Machine
from funnel.stages import PathDependentMachine as PathDependentMachine
from funnel.stages import Stage as Stage
from funnel.stages import stage as stage
from funnel.stages import transitions as transitions
