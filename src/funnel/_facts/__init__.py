"""How facts are declared, held and computed; `funnel.facts` is the list of them.

- `declare`: the words a fact is declared with
- `plan`: what all facts of a class need, each reduction once
- `views`: a held whole number as what the author and the user see
- `base`: one person's facts, and their three ways to come to be
- `frames`: everyone's facts as columns
- `lifted`: a rule made ready for one policy and one class of facts
"""
