class CardError extends Error { override name = "CardError"; }
function pay(): never {
  throw new CardError("no card", { cause: new Error("bank closed") });
}
async function main() {
  await Promise.resolve();
  pay();
}
main();
const card: any = undefined; console.log(card.id);
Deno.serve({port: 18080}, () => new Response()); Deno.serve({port: 18080}, () => new Response());
await Deno.connect({port: 1})
