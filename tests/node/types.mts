/* Compiled, never run: the types as the guide's users and others need them. */
import moro, {
	Client, connect, executeOnWorker, getWorkerManager, MoroError, WorkerManager, workerTasks,
	type BatchElement, type JWTResult, type WorkerStats, type WorkerTask,
} from 'moro-client';
import { run, task } from 'moro-client/worker';

// The guide's signatures: its sections Constructor, executeTask(task), getStats(),
// shutdown(), Worker Tasks Helper, Global Helpers.
const manager: WorkerManager = new WorkerManager({ workerCount: 4, maxQueueSize: 1000 });
const plain: WorkerManager = new WorkerManager();
const asked: WorkerTask = { id: 'x', type: 'crypto:hash', data: 1, priority: 'high', timeout: 5 };
const done: Promise<string> = manager.executeTask<string>(asked);
const stats: { workers: number; queueSize: number; activeTasks: number; maxQueueSize: number } = manager.getStats();
const ended: Promise<void> = plain.shutdown();
const checked: Promise<JWTResult> = workerTasks.verifyJWT('t', 's', { issuer: 'me' });
const signed: Promise<string> = workerTasks.signJWT({ a: 1 }, 's', { expiresIn: '7d' });
const hashed: Promise<string> = workerTasks.hashData('x', 'sha256');
const hidden: Promise<string> = workerTasks.encryptData('x', 'key');
const shown: Promise<string> = workerTasks.decryptData('x', 'key');
const packed: Promise<Buffer> = workerTasks.compressData('x');
const unpacked: Promise<string> = workerTasks.decompressData(Buffer.alloc(1));
const computed: Promise<any> = workerTasks.heavyComputation('primes', { to: 5 });
const mapped: Promise<number[]> = workerTasks.transformJSON(['a'], (item) => item.length);
const single: WorkerManager = getWorkerManager();
const direct: Promise<any> = executeOnWorker({ id: 'x', type: 'crypto:hash', data: {} });

export async function others(signal: AbortSignal): Promise<WorkerStats> {
	const client: Client = await connect('/x', { patience: 5 });
	const call = client.call<number>('a:b', 1, { signal, retry: { max: 2, on: ['crash'] }, onProgress: (p) => p.done });
	const number: number | undefined = call.msgid;
	const elements: Array<BatchElement<string>> = await client.batch<string>('a:b', [1, 2]);

	for (const element of elements) {
		if (element.error)
			console.log(element.error.code, number);
		else
			console.log(element.result.length);
	}
	client.on('backpressure', (news) => console.log(news.state));
	try {
		await client.subscribe();
	} catch (error) {
		if (error instanceof MoroError && error.code === 'QUEUE_FULL')
			console.log(error.retryAfterMs);
	}
	const result: JWTResult = await checked;

	if (result.valid)
		console.log(result.payload.sub);
	// @ts-expect-error: no such priority
	client.call('a:b', 1, { priority: 'urgent' });
	// @ts-expect-error: no such option
	client.call('a:b', 1, { timout: 1 });
	console.log(moro.Client, done, stats, ended, signed, hashed, hidden, shown, packed, unpacked, computed, mapped, single, direct);
	return manager.getStats();
}

task('a:b', { idempotent: true, softCancel: true, timeout: 5 }, async (data: { n: number }, ctx) => {
	ctx.progress(1, 2, 'half');
	return ctx.cancelled || ctx.signal.aborted ? 0 : data.n * ctx.attempt;
});
task('a:c', (data) => data);
void run();
