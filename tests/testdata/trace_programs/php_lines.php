<?php function pay($x){ try { throw new InvalidArgumentException("no card"); } catch (Exception $e) { throw new RuntimeException("shop closed\nnor cash", 3, $e); } } pay(3);
