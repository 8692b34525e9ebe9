def pay = raise(ArgumentError, "no card")
def shop
  pay
rescue => e
  raise "shop closed"
end
begin
  shop
rescue => e
  puts e.full_message(highlight: false, order: :bottom)
  puts "--"
  puts e.full_message(highlight: true, order: :top)
end
