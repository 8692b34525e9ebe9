package main
import ("fmt"; "os"; "sync"; "time")
type E struct{}
func (E) Error() string { return "no card" }
func deep(n int) int { return deep(n+1) + 1 }
func main() {
	switch os.Args[1] {
	case "panic": go func() { time.Sleep(time.Hour) }(); time.Sleep(10*time.Millisecond); var m map[string]int; m["a"] = 1
	case "error": panic(E{})
	case "wrapped": panic(fmt.Errorf("cannot start: %w", E{}))
	case "overflow": fmt.Println(deep(1))
	case "deadlock": var w sync.WaitGroup; w.Add(1); w.Wait()
	case "oom": var x [][]byte; for { x = append(x, make([]byte, 1<<40)) }
	case "repanic": defer func() { r := recover(); panic(fmt.Sprint("again: ", r)) }(); panic("first")
	case "nil": var p *E; fmt.Println(*p)
	}
}
