import x from "./nosuch.ts"; x();
throw "no card"
