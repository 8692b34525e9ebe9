#!/usr/bin/env escript
%% Logs orders, each at its level, with the form that is named; record.py runs it.
-include_lib("kernel/include/logger.hrl").

forms() -> ["default", "single_line", "template"].

main([]) -> [io:format("~s~n", [Form]) || Form <- forms()];
main([Form]) ->
    logger:set_primary_config(level, debug),
    logger:set_handler_config(default, formatter, {logger_formatter, config(Form)}),
    logger:debug("order one"),
    logger:info("order ~p", [two]),
    logger:warning("order three"),
    logger:error("order four"),
    logger:critical("order five"),
    timer:sleep(200).

config("default") -> #{legacy_header => true, single_line => false};
config("single_line") -> #{};
config("template") -> #{template => [time, " [", level, "] ", pid, " ", msg, "\n"]}.
