import { MoroError } from './index.js';

export { MoroError };

export interface TaskOptions {
	/** Running it twice does no harm: it is run again when its worker dies. */
	idempotent?: boolean;
	/** It is told of a cancel (ctx.signal) before it is killed. */
	softCancel?: boolean;
	/** Milliseconds, for tasks that give no limit of their own. */
	timeout?: number;
	about?: string;
}

export interface TaskContext {
	readonly type: string;
	/** From 1. */
	readonly attempt: number;
	/** Aborted when the task is cancelled, if its type has softCancel, and at the end of morod. */
	readonly signal: AbortSignal;
	readonly cancelled: boolean;
	/** Tells the caller how far the task is, if the caller wants to know. */
	progress(done: number, total?: number, note?: string): void;
}

export type TaskHandler<D = any, R = any> = (data: D, ctx: TaskContext) => R | Promise<R>;

/** Says that this program does tasks of a type. */
export function task<D = any, R = any>(name: string, handler: TaskHandler<D, R>): void;
export function task<D = any, R = any>(name: string, options: TaskOptions, handler: TaskHandler<D, R>): void;

export interface RunOptions {
	/** false: the promise is kept at the end, and the program goes on. */
	exit?: boolean;
	env?: Record<string, string | undefined>;
	/** Dials in, to the socket at a path; true: where clients find it. */
	connect?: string | true;
	/** To which pool, if several take workers that dial in. */
	pool?: string;
}

/** Serves until morod closes the channel; then the program ends, unless `exit` is false. */
export function run(options?: RunOptions): Promise<void>;
