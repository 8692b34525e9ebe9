try { throw new TypeError("x") } catch (e) { console.error(e); console.error(new AggregateError([new Error("a"), new Error("b")], "many")) }
