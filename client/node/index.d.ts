/// <reference types="node" />
import { EventEmitter } from 'events';
import { ExtData } from '@msgpack/msgpack';

export { ExtData };

/** Codes of the server (proto/PROTOCOL.md, section 6), and of this library. Codes may be added. */
export type MoroCode =
	| 'TIMEOUT' | 'QUEUE_FULL' | 'WORKER_ERROR' | 'CANCELLED' | 'UNKNOWN_TASK' | 'UNKNOWN_METHOD'
	| 'INVALID_ARGUMENT' | 'INVALID_OPTION' | 'TOO_LARGE' | 'DUPLICATE_ID' | 'PERMISSION_DENIED'
	| 'SHUTTING_DOWN' | 'PROTOCOL_ERROR' | 'NOT_FOUND' | 'UNSUPPORTED' | 'INTERNAL'
	| 'NO_SERVER' | 'LOST' | 'GARBLED' | 'CLOSED'
	| (string & {});

export class MoroError extends Error {
	constructor(code: MoroCode, message: string, details?: Record<string, unknown>);
	readonly code: MoroCode;
	readonly reason: string | undefined;
	/** Whether the same request may well succeed later. */
	readonly retryable: boolean;
	readonly field?: string;
	readonly option?: string;
	readonly limit?: number;
	readonly size?: number;
	readonly retryAfterMs?: number;
	readonly signal?: string;
	readonly exitCode?: number;
	readonly attempts?: number;
	readonly pool?: string;
	toJSON(): Record<string, unknown>;
}

export type Priority = 'high' | 'normal' | 'low';

export interface Progress {
	done: number;
	total?: number;
	note?: string;
}

export interface CallOptions {
	id?: string | number;
	priority?: Priority;
	timeout?: number;
	runTimeout?: number;
	queueTimeout?: number;
	cancelGrace?: number;
	idempotent?: boolean;
	retry?: { max?: number; on?: Array<'crash' | 'error'>; backoffMs?: number; maxBackoffMs?: number };
	onFull?: 'refuse' | 'wait';
	batch?: boolean;
	signal?: AbortSignal;
	onProgress?: (progress: Progress) => void;
}

export type BatchElement<T> = { result: T; error?: undefined } | { error: MoroError; result?: undefined };

/** A promise of a result; `msgid` is there when the request was sent. */
export interface CallPromise<T> extends Promise<T> {
	readonly msgid?: number;
}

export interface ClientOptions {
	path?: string;
	/** Under which the server lists this client. */
	name?: string;
	/** Whether a lost connection is made anew; true by default. */
	reconnect?: boolean;
	/** Milliseconds for the greeting; 10,000 by default. */
	connectTimeout?: number;
	/** Milliseconds that a call waits for a server; 0 for the first connection, 2,000 for others. */
	patience?: number;
}

export interface Hello {
	server: string;
	version: string;
	proto: number;
	features: string[];
	limits: Record<string, number>;
	types: string[];
	role: 'admin' | 'submit';
	pid: number;
	started: number;
	[key: string]: unknown;
}

export interface Pressure {
	pool: string;
	state: 'high' | 'low';
	queueSize: number;
	maxQueueSize: number;
}

export interface ServerStats {
	workers: number;
	queueSize: number;
	activeTasks: number;
	delayedTasks: number;
	maxQueueSize: number;
	isShuttingDown: boolean;
	isDraining: boolean;
	[key: string]: any;
}

export type CancelState = { state: 'queued' | 'running' | 'done' | 'unknown' };

export class Client extends EventEmitter {
	constructor(options?: ClientOptions);
	readonly path: string | null;
	readonly hello: Hello | null;
	readonly connected: boolean;
	readonly outstanding: number;
	connect(): Promise<this>;
	call<T = any>(type: string, data?: unknown, options?: CallOptions): CallPromise<T>;
	batch<T = any>(type: string, data: unknown[], options?: CallOptions): CallPromise<Array<BatchElement<T>>>;
	notify(type: string, data?: unknown, options?: CallOptions): Promise<void>;
	request<T = any>(method: string, params?: unknown[], options?: CallOptions): CallPromise<T>;
	cancel(which: number | string | { msgid: number } | { id: string } | CallPromise<any>): Promise<CancelState>;
	ping(): Promise<'pong'>;
	ping<T>(value: T): Promise<T>;
	stats(how?: { buckets?: boolean }): Promise<ServerStats>;
	types(name?: string): Promise<any[]>;
	ls(how?: { state?: string; type?: string; client?: number; limit?: number }): Promise<any[]>;
	slow(n?: number): Promise<any[]>;
	poison(): Promise<any[]>;
	clients(how?: { client?: number; limit?: number }): Promise<any[]>;
	pause(what?: string): Promise<true>;
	resume(what?: string): Promise<true>;
	drain(): Promise<true>;
	scale(workers: number | string | { pool?: string; workers: number | string }): Promise<true>;
	reload(): Promise<{ warnings: string }>;
	log(level?: 'error' | 'warning' | 'info' | 'debug'): Promise<string>;
	shutdown(how?: { now?: boolean }): Promise<true>;
	subscribe(topic?: 'backpressure'): Promise<Pressure[]>;
	unsubscribe(topic?: 'backpressure'): Promise<true>;
	/** An idle connection keeps the process alive from now on. */
	ref(): this;
	/** It does not, which is the default; unanswered calls do. */
	unref(): this;
	close(): Promise<void>;
	on(event: 'backpressure', listener: (news: Pressure) => void): this;
	on(event: 'notification', listener: (method: string, params: any[]) => void): this;
	on(event: 'connect', listener: (hello: Hello) => void): this;
	on(event: 'lost', listener: (error: MoroError) => void): this;
	on(event: 'close', listener: () => void): this;
}

export function connect(path?: string, options?: ClientOptions): Promise<Client>;
export function connect(options: ClientOptions): Promise<Client>;

/** $MORO_SOCKET, or where morod listens by default; null: there is no such place. */
export function defaultPath(env?: Record<string, string | undefined>, uid?: number): string | null;

/* ---- The guide ---- */

export interface WorkerTask extends CallOptions {
	type: string;
	data?: any;
}

export interface WorkerStats {
	workers: number;
	queueSize: number;
	activeTasks: number;
	maxQueueSize: number;
	workerCount: number;
	queuedTasks: number;
	isShuttingDown: boolean;
	/** Tasks of this manager that have no answer yet. */
	outstanding: number;
	/** How old the server's word is; null: there was none yet. */
	ageMs: number | null;
}

export interface WorkerManagerOptions extends ClientOptions {
	/** Of a server of the program's own: number of workers. */
	workerCount?: number;
	/** The same: most queued tasks. */
	maxQueueSize?: number;
	/** The program, if a server of the program's own is wanted. */
	morod?: string;
	/** More arguments for it. */
	morodArgs?: string[];
	/** Milliseconds between two looks at the server's statistics; 250 by default. */
	statsEvery?: number;
	/** Gives the task that is sent in place of one that was asked for. */
	prepare?: (task: WorkerTask) => WorkerTask | undefined;
}

export type JWTResult =
	| { valid: true; payload: Record<string, any>; header?: Record<string, any>; error?: undefined }
	| { valid: false; error: string; payload?: undefined };

type Bytes = string | Uint8Array;
type Key = Bytes | { name: string; version?: string }; // a key that the server has
type PackedBytes = Bytes | { type: 'Buffer'; data: number[] };

export interface WorkerTasks {
	verifyJWT(token: string, secret: Key, options?: Record<string, any>, how?: CallOptions): Promise<JWTResult>;
	signJWT(payload: object, secret: Key, options?: Record<string, any>, how?: CallOptions): Promise<string>;
	hashData(input: Bytes, algorithm?: string, how?: CallOptions): Promise<string>;
	encryptData(data: Bytes, key: Key, how?: CallOptions): Promise<string>;
	decryptData(data: Bytes, key: Key, how?: CallOptions): Promise<string>;
	hashPassword(password: Bytes, cost?: Record<string, any>, how?: CallOptions): Promise<string>;
	verifyPassword(password: Bytes, hash: string, cost?: Record<string, any>, how?: CallOptions):
	Promise<{ valid: boolean; needsRehash: boolean; algorithm: string }>;
	randomBytes(length?: number, how?: CallOptions): Promise<Buffer>;
	generateKey(type?: string, more?: Record<string, any>, how?: CallOptions): Promise<any>;
	compressData(data: Bytes, options?: { format?: string; level?: number; [field: string]: any }, how?: CallOptions): Promise<Buffer>;
	decompressData(data: PackedBytes, options: { encoding: 'buffer'; [field: string]: any }, how?: CallOptions): Promise<Buffer>;
	decompressData(data: PackedBytes, options?: { encoding?: BufferEncoding; [field: string]: any }, how?: CallOptions): Promise<string>;
	heavyComputation(operation: string | { operation: string; params?: any }, params?: any, how?: CallOptions): Promise<any>;
	/** A function is run in this process, in slices; a string is a jq program and run by a worker. */
	transformJSON<T, R>(data: T[], transformer: (item: T, index: number) => R | Promise<R>): Promise<R[]>;
	transformJSON(data: any, transformer: string | ((value: any) => any), how?: CallOptions): Promise<any>;
	processAnalytics(events: any[], how?: Record<string, any>, options?: CallOptions): Promise<any>;
	mergeAnalytics(partials: any[], how?: CallOptions): Promise<any>;
	resizeImage(image: PackedBytes, how: Record<string, any>, options?: CallOptions): Promise<Buffer>;
	thumbnailImage(image: PackedBytes, size: number, how?: Record<string, any>, options?: CallOptions): Promise<Buffer>;
	imageInfo(image: PackedBytes, how?: CallOptions): Promise<Record<string, any>>;
	hash: WorkerTasks['hashData'];
	encrypt: WorkerTasks['encryptData'];
	decrypt: WorkerTasks['decryptData'];
	compress: WorkerTasks['compressData'];
	decompress: WorkerTasks['decompressData'];
}

export class WorkerManager {
	constructor(options?: WorkerManagerOptions);
	/** The helpers, for this manager. */
	readonly tasks: WorkerTasks;
	readonly isShuttingDown: boolean;
	executeTask<T = any>(task: WorkerTask): Promise<T>;
	execute<T = any>(type: string, data?: unknown, options?: CallOptions): Promise<T>;
	/** What the server said last, at once. */
	getStats(): WorkerStats;
	/** What it says now. */
	stats(): Promise<ServerStats>;
	scale(workers: number | string): Promise<true>;
	ready(): Promise<Client>;
	shutdown(): Promise<void>;
}

export function getWorkerManager(): WorkerManager;
export function initializeWorkers(options?: WorkerManagerOptions): Promise<WorkerManager>;
export function shutdownWorkers(): Promise<void>;
export function executeOnWorker<T = any>(task: WorkerTask): Promise<T>;
export const workerTasks: WorkerTasks;
export const WORKER_TASKS: Readonly<Record<string, string>>;
