// SPDX-License-Identifier: GPL-2.0-only
//
// Where a small mistake may be made: for each place a line with its kind, its line and
// column, and those of its end; two places if there are two to swap. mutations.py says
// what is put there instead.
//
//	spatch --very-quiet --iso-file /dev/null --cocci-file sites.cocci FILE
//
// Without isomorphisms: they would find places that are not in the source.

@initialize:python@
@@
def place(p):
    return f"{p.line} {p.column} {p.line_end} {p.column_end}"


def say(kind, first, second=None):
    # A rule with two positions gives all of the one and all of the other.
    for i, p in enumerate(first):
        print(kind, p.file, place(p), place(second[i]) if second else "")

@of_binary@
expression a, b;
binary operator op;
position p;
@@
a op@p b

@script:python@
p << of_binary.p;
@@
say("binary", p)

@of_assignment@
expression a, b;
assignment operator op;
position p;
@@
a op@p b

@script:python@
p << of_assignment.p;
@@
say("assignment", p)

@of_unary@
expression a, all;
position p;
@@
\( \(!a\|~a\|-a\|++a\|--a\|a++\|a--\) \& all@p \)

@script:python@
p << of_unary.p;
@@
say("unary", p)

@of_constant@
constant c;
position p;
@@
c@p

@script:python@
p << of_constant.p;
@@
say("constant", p)

@of_condition@
expression c;
statement S1, S2;
position p;
@@
(
if (c@p) S1 else S2
|
if (c@p) S1
|
while (c@p) S1
|
for (...;c@p;...) S1
)

@script:python@
p << of_condition.p;
@@
say("condition", p)

@of_choice@
expression c, a, b;
position p;
@@
c@p ? a : b

@script:python@
p << of_choice.p;
@@
say("condition", p)

@of_statement@
expression all;
position p;
@@
all@p;

@script:python@
p << of_statement.p;
@@
say("statement", p)

@of_leave@
position p, q;
@@
(
return@p ...;@q
|
break@p;@q
|
continue@p;@q
)

@script:python@
p << of_leave.p;
q << of_leave.q;
@@
say("leave", p, q)

@of_leave_by_goto@
identifier label;
position p, q;
@@
goto@p label;@q

@script:python@
p << of_leave_by_goto.p;
q << of_leave_by_goto.q;
@@
say("leave", p, q)

@of_arguments@
expression f, a, b;
position p, q;
@@
f(..., a@p, b@q, ...)

@script:python@
p << of_arguments.p;
q << of_arguments.q;
@@
say("arguments", p, q)
