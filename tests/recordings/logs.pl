# Logs orders, each at its level, with the logger that is named; record.py runs it.
use strict;
use warnings;
no warnings "once";

sub orders {
    my ($log, @levels) = @_;
    my @words = qw(one two three four five);
    for my $at (0 .. $#words) {
        my $level = $levels[$at] or next;
        $log->$level("order $words[$at]");
    }
}

sub log4perl {
    my ($layout) = @_;
    require Log::Log4perl;
    Log::Log4perl->init(\<<"END");
log4perl.rootLogger = DEBUG, Out
log4perl.appender.Out = Log::Log4perl::Appender::Screen
log4perl.appender.Out.layout = $layout
END
    orders(Log::Log4perl->get_logger("Shop.Cart"), qw(debug info warn error fatal));
}

sub pattern { log4perl("PatternLayout\nlog4perl.appender.Out.layout.ConversionPattern = $_[0]") }

sub dispatch {
    my ($output, %options) = @_;
    require Log::Dispatch;
    my $log = Log::Dispatch->new(outputs => [[ $output, min_level => "debug", newline => 1, %options ]]);
    orders($log, qw(debug info warning error critical));
}

my %forms = (
    log4perl_easy => sub {
        require Log::Log4perl;
        Log::Log4perl->easy_init({ level => $Log::Log4perl::DEBUG, layout => "%d %p> %F{1}:%L %M - %m%n" });
        orders(Log::Log4perl->get_logger("Shop"), qw(debug info warn error fatal));
    },
    log4perl_simple   => sub { log4perl("SimpleLayout") },
    log4perl_pattern  => sub { pattern('[%d] %p %c - %m%n') },
    log4perl_brackets => sub { pattern('%d{ISO8601} [%P] [%-5p] %m%n') },
    log4perl_coloured => sub {
        require Log::Log4perl;
        Log::Log4perl->init(\<<'END');
log4perl.rootLogger = DEBUG, Out
log4perl.appender.Out = Log::Log4perl::Appender::ScreenColoredLevels
log4perl.appender.Out.layout = PatternLayout
log4perl.appender.Out.layout.ConversionPattern = %d %F{1} %L> %p %m%n
END
        orders(Log::Log4perl->get_logger("Shop"), qw(debug info warn error fatal));
    },
    dispatch_callback => sub {
        dispatch("Screen", callbacks => sub { my %it = @_; "[" . localtime() . "] [$it{level}] $it{message}" });
    },
    dispatch_colon => sub {
        dispatch("Screen", callbacks => sub { my %it = @_; "$it{level}: $it{message}" });
    },
    log_any => sub {
        require Log::Any;
        require Log::Any::Adapter;
        Log::Any::Adapter->set("Stderr");
        my $log = Log::Any->get_logger(filter => sub { my ($category, $level, $text) = @_; (qw(EMERGENCY ALERT CRITICAL ERROR WARNING NOTICE INFO DEBUG TRACE))[$level] . " $text" });
        orders($log, qw(debug info warning error critical));
    },
    mojo => sub {
        require Mojo::Log;
        orders(Mojo::Log->new(level => "debug"), qw(debug info warn error fatal));
    },
    mojo_short => sub {
        require Mojo::Log;
        orders(Mojo::Log->new(level => "debug", short => 1), qw(debug info warn error fatal));
    },
    mojo_coloured => sub {
        require Mojo::Log;
        orders(Mojo::Log->new(level => "debug", color => 1), qw(debug info warn error fatal));
    },
    dancer => sub {
        require Dancer2::Logger::Console;
        orders(Dancer2::Logger::Console->new(app_name => "Shop", log_level => "core"), "debug", "info", "warning", "error");
    },
    dancer_dated => sub {
        require Dancer2::Logger::Console;
        orders(
            Dancer2::Logger::Console->new(app_name => "Shop", log_level => "core", log_format => '%T [%P] %L @ %m in %f l. %l'),
            "debug", "info", "warning", "error",
        );
    },
    catalyst => sub {
        require Catalyst::Log;
        my $log = Catalyst::Log->new;
        orders($log, qw(debug info warn error fatal));
        $log->_flush;
    },
    json => sub {
        require JSON::PP;
        my $json = JSON::PP->new->canonical;
        dispatch("Screen", callbacks => sub { my %it = @_; $json->encode({ %it, time => time }) });
    },
);

my $form = shift;
if (defined $form) { $forms{$form}->() }
else { print "$_\n" for sort keys %forms }
