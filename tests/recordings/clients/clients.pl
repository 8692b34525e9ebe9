# Dies of a client's error, of the client that is named; record.py runs it, see clients.py.
use strict;
use warnings;

my $closed = 1;
my ($postgresql, $redis, $http) = map { $ENV{$_} // 1 } qw(POSTGRESQL REDIS HTTP);

sub dbi {
    my ($source, @who) = @_;
    require DBI;
    DBI->connect($source, @who, { RaiseError => 1, PrintError => 0 });
}

my %forms = (
    pg_closed     => sub { dbi("dbi:Pg:host=127.0.0.1;port=$closed;dbname=shop", "shop", "") },
    pg_refused    => sub { dbi("dbi:Pg:host=127.0.0.1;port=$postgresql;dbname=shop", "shop", "wrong") },
    pg_printed    => sub {
        require DBI;
        DBI->connect("dbi:Pg:host=127.0.0.1;port=$closed;dbname=shop", "shop", "") or exit 1;
    },
    mysql_closed   => sub { dbi("dbi:mysql:host=127.0.0.1;port=$closed;database=shop", "shop", "") },
    mariadb_closed => sub { dbi("dbi:MariaDB:host=127.0.0.1;port=$closed;database=shop", "shop", "") },
    redis_closed   => sub { require Redis; Redis->new(server => "127.0.0.1:$closed")->get("cart") },
    redis_refused  => sub { require Redis; Redis->new(server => "127.0.0.1:$redis")->get("cart") },
    mongodb_closed => sub {
        require MongoDB;
        MongoDB->connect("mongodb://127.0.0.1:$closed", { server_selection_timeout_ms => 300 })->get_namespace("shop.orders")->find_one;
    },
    lwp_closed => sub {
        require LWP::UserAgent;
        my $answer = LWP::UserAgent->new->get("http://127.0.0.1:$closed/cart");
        die $answer->status_line unless $answer->is_success;
    },
    lwp_refused => sub {
        require LWP::UserAgent;
        my $answer = LWP::UserAgent->new->get("http://127.0.0.1:$http/cart");
        die "GET /cart: ", $answer->status_line, "\n" unless $answer->is_success;
    },
    mojo_closed => sub {
        require Mojo::UserAgent;
        Mojo::UserAgent->new->get("http://127.0.0.1:$closed/cart")->result;
    },
);
my $form = shift;
if (defined $form) { $forms{$form}->() }
else { print "$_\n" for sort keys %forms }
