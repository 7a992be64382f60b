# A worker in Perl: [pool perl] command = perl worker.pl
use strict;
use warnings;
use Data::MessagePack;
use Data::MessagePack::Stream;

my %tasks = (
    'perl:upcase'  => sub { uc $_[0] },
    'perl:reverse' => sub { ref $_[0] ? die "takes text\n" : scalar reverse $_[0] },
);
open my $sock, '+<&=', $ENV{MORO_FD} or die "no channel: $!";
my $mp     = Data::MessagePack->new->utf8;
my $stream = Data::MessagePack::Stream->new;
while (sysread $sock, my $bytes, 65536) {
    $stream->feed($bytes);
    while ($stream->next) {
        my ($kind, $msgid, $method, $params) = @{ $stream->data };
        next if $kind != 0;    # a notification of a later version
        my $result = $method eq 'hello' ? { types => [ keys %tasks ] }
            : eval { $tasks{$method}->($params->[0]) };
        my $error = $@ ? { code => 'WORKER_ERROR', message => $@ } : undef;
        syswrite $sock, $mp->pack([1, $msgid + 0, $error, $result]);
    }
}
