use strict; use warnings; use Carp qw(confess croak);
sub pay { confess("no card") } 
sub shop { pay(7) }
shop("x");
use NoSuch::Thing; 
die "no card"
my $x = ; 
use IO::Socket::INET; my %a=(LocalAddr=>"127.0.0.1",LocalPort=>18083,Listen=>1); my $s=IO::Socket::INET->new(%a) or die $@; IO::Socket::INET->new(%a) or die "cannot listen: $@ $!"; 
