"""Who comes back, cohort by cohort, and how much they buy.

- `ask`: the question
- `cohorts`, `triangle`: what is told, and how it is shown
- `activity`: who bought in which period, and from when each person is counted
- `table`, `cells`: the counts of each cohort, by the engine that holds the purchases or packed
"""
