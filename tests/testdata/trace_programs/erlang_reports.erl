-module(cart).
-behaviour(gen_server).
-export([init/1,handle_call/3,handle_cast/2,go/0]).
init(_) -> {ok, #{}}.
handle_call(_,_,S) -> {reply, ok, S}.
handle_cast(crash, _) -> error(no_card).
go() -> {ok,P}=gen_server:start({local,cart},cart,[],[]), gen_server:cast(P, crash), timer:sleep(300), spawn(fun() -> 1/(length([])) end), timer:sleep(200), halt(0).
