"""Every move of a person from stage to stage, at its exact instant: for one person, and for everyone.

Law: the stage after the last move by an instant is the stage that the rule gives at that instant; and no stage is
passed over: asked at every microsecond, nobody stands anywhere else.

- `table`: which moves may happen, and what a machine is
- `course`: a machine made ready for one policy: coded trees, what they read, when time may change their answers
- `one`: one person, from instant to instant
- `told`: what is told of one person: moves, spells
- `records`: which record brought a move about
- `many`: everyone, by windows that every engine has
- `walked`: everyone's stages where the next depends on the present one
- `packed`: everyone in local memory, by one sort and numpy
- `checked`: what is odd about a machine, before anybody walks it
- `searched`: made-up people, for the moves that they make
- `ask`: the verbs
"""
