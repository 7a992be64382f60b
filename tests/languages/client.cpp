// A client in C++: c++ client.cpp -o client; ./client TYPE TEXT [SOCKET]
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <map>
#include <msgpack.hpp>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int main(int, char **argv) {
	sockaddr_un address{AF_UNIX, {}};
	std::strncpy(address.sun_path, argv[3] ? argv[3] : std::getenv("MORO_SOCKET"), 107);
	int sock = socket(AF_UNIX, SOCK_STREAM, 0);
	if (connect(sock, reinterpret_cast<sockaddr *>(&address), sizeof address) != 0)
		return std::perror("no morod"), 1;
	msgpack::sbuffer out;
	std::map<std::string, int> options{{"timeout", 5000}};
	msgpack::pack(out, std::make_tuple(0, 1, argv[1], std::make_tuple(argv[2], options)));
	write(sock, out.data(), out.size());
	msgpack::unpacker in;
	msgpack::object_handle answer;
	while (!in.next(answer)) {
		in.reserve_buffer(65536);
		in.buffer_consumed(read(sock, in.buffer(), in.buffer_capacity()));
	}
	auto field = answer.get().via.array.ptr;
	std::cout << (field[2].is_nil() ? field[3] : field[2]).as<std::string>() << '\n';
	return field[2].is_nil() ? 0 : 1;
}
