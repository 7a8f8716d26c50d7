# Written by `make stubs`.
from funnel.worklists._tasks import Task as Task
from funnel.worklists._tasks import Worklist as Worklist
from funnel.worklists._worklist import next_review_at as next_review_at
from funnel.worklists._worklist import worklist as worklist
