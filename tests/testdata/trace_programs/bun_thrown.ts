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
Bun.serve({port: 18081, fetch: () => new Response()}); Bun.serve({port: 18081, fetch: () => new Response()});
// 1
// 2
// 3
// 4
// 5
// 6
// 7
// 8

const total = (order: any) => {
  return order.items.length
}
export const a = total({})
