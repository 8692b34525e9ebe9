#!/usr/bin/env escript
main(_) -> pay(none).
pay(card) -> ok.
