# A client in Perl: perl client.pl TYPE TEXT [SOCKET]
use strict;
use warnings;
use Data::MessagePack;
use Data::MessagePack::Stream;
use Encode;
use IO::Socket::UNIX;

binmode $_, ':encoding(UTF-8)' for *STDOUT, *STDERR;
my ($type, $text, $path) = map { decode('UTF-8', $_) } @ARGV;
my $sock = IO::Socket::UNIX->new(Peer => $path // $ENV{MORO_SOCKET}) or die "no morod: $!\n";
my $mp = Data::MessagePack->new->utf8;
$sock->syswrite($mp->pack([0, 1, $type, [$text, { timeout => 5000 }]]));
my $stream = Data::MessagePack::Stream->new;
until ($stream->next) {
    $sock->sysread(my $bytes, 65536) or die "morod has gone\n";
    $stream->feed($bytes);
}
my (undef, undef, $error, $result) = @{ $stream->data };
die "$error\n" if defined $error;    # "CODE: message"
print "$result\n";
