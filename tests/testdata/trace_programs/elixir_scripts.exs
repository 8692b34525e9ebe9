defmodule Shop do
  def pay(card), do: charge(card) + 1
  def charge(nil), do: raise "no card"
end
Shop.pay(nil)
System.fetch_env!("DATABASE_URL")
defmodule W do
  use GenServer
  def start_link(_), do: GenServer.start_link(__MODULE__, [])
  def init(_), do: {:stop, :econnrefused}
end
{:ok, _} = Supervisor.start_link([W], strategy: :one_for_one)
spawn_link(fn -> raise "linked" end); Process.sleep(500)
