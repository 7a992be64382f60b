/* The scanner that finds where messages end, without a server. */
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import path from 'node:path';
import test from 'node:test';
import { encode, ExtData } from '@msgpack/msgpack';

const require = createRequire(import.meta.url);
const lib = path.join(path.dirname(require.resolve('moro-client/package.json')), 'lib');
const { Frames } = require(path.join(lib, 'frames.js'));
const { decode } = require(path.join(lib, 'codec.js'));

const VALUES = [
	[1, 1, null, 'ok'], [1, 2, null, { a: [1, [2, [3]]], b: Buffer.alloc(5) }], [], [[], {}],
	[1, 3, 'x'.repeat(40), 'y'.repeat(300), 'z'.repeat(70_000)],
	[new ExtData(5, new Uint8Array(1)), new ExtData(6, new Uint8Array(2)), new ExtData(7, new Uint8Array(4)),
		new ExtData(8, new Uint8Array(8)), new ExtData(9, new Uint8Array(16)), new ExtData(10, new Uint8Array(3)),
		new ExtData(11, new Uint8Array(300)), new ExtData(12, new Uint8Array(70_000))],
	[0, 127, 128, 255, 256, 65_535, 65_536, 2 ** 32, -1, -32, -33, -129, -40_000, -(2 ** 40), 1.5, true, false],
	Array.from({ length: 20 }, (_, i) => i), Array.from({ length: 70_000 }, () => null),
	Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`k${i}`, i])),
	Object.fromEntries(Array.from({ length: 70_000 }, (_, i) => [`k${i}`, i])),
];
const bytes = VALUES.map((value) => Buffer.from(encode(value)));

/** Feeds a stream in pieces of a size, and gives all messages. */
function pieces(stream, size) {
	const frames = new Frames();
	const out = [];

	for (let at = 0; at < stream.length; at += size)
		out.push(...frames.feed(stream.subarray(at, at + size)));
	return out;
}

test('messages are found however the stream is cut', () => {
	for (const size of [1, 2, 3, 7, 1000, 65_536, 1 << 30]) {
		const found = pieces(Buffer.concat(bytes), size);

		assert.equal(found.length, VALUES.length);
		found.forEach((frame, i) => assert.ok(bytes[i].equals(frame.bytes), `${i} by ${size}`));
	}
});

test('every beginning of a message is no message yet', () => {
	for (const whole of bytes.filter((one) => one.length < 1000)) {
		for (let n = 1; n < whole.length; n++) {
			const frames = new Frames();

			assert.deepEqual(frames.feed(whole.subarray(0, n)), []);
			assert.equal(frames.feed(whole.subarray(n)).length, 1);
		}
	}
});

test('values are decoded as they were', () => {
	pieces(Buffer.concat(bytes), 777).forEach((frame, i) =>
		assert.ok(bytes[i].equals(encode(decode(frame))), String(i)));
});

test('what is no MessagePack, and what announces too much, is refused at once', () => {
	assert.throws(() => new Frames().feed(Buffer.from([0x92, 0xc1])), RangeError);
	for (const head of [0xc6, 0xdb, 0xdd, 0xdf, 0xc9])
		assert.throws(() => new Frames(1 << 20).feed(Buffer.from([head, 0xff, 0xff, 0xff, 0xff])), RangeError);
	const frames = new Frames(100);

	assert.throws(() => {
		for (let i = 0; i < 100; i++)
			frames.feed(Buffer.from([0x92, 0x91]));
	}, RangeError);
});
