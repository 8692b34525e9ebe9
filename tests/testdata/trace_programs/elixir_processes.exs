defmodule Cart do
  use GenServer
  def init(_), do: {:ok, %{}}
  def handle_call(:pay, _from, state), do: {:reply, Map.fetch!(state, :card), state}
  def handle_cast(:crash, _s), do: raise ArgumentError, "no card"
end
{:ok, p} = GenServer.start(Cart, [], name: Cart)
GenServer.cast(p, :crash)
Process.sleep(200)
{:ok, p} = GenServer.start(Cart, [])
try do GenServer.call(p, :pay) catch :exit, _ -> :ok end
Process.sleep(200)
Task.start(fn -> raise "in task" end)
Process.sleep(100)
spawn(fn -> 1 / (0 * :rand.uniform(1)) end)
Process.sleep(100)
