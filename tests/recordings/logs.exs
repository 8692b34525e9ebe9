# Logs orders, each at its level, with the form that is named; record.py runs it.
require Logger

forms = %{
  "console" => "\n$time $metadata[$level] $message\n",
  "dated" => "$date $time [$level] $metadata$message\n",
  "level_first" => "[$level] $message\n",
}

case System.argv() do
  [] ->
    forms |> Map.keys() |> Enum.each(&IO.puts/1)

  [name] ->
    Logger.configure_backend(:console, format: forms[name], metadata: [:pid, :order], colors: [enabled: false])
    Logger.debug("order one", order: 12)
    Logger.info("order two")
    Logger.warning("order three")
    Logger.error("order four")
    Logger.critical("order five")
    Logger.flush()
end
