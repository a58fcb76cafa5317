export function push(server: string, nodes: number, gpus: number, time?: number, cutAnew?: number): Promise<void>;
export function page(node: number, gpus: number, seconds: number, seed?: number): string;
export function nodeName(index: number): string;
export function pushSick(server: string, boards: number): Promise<void>;
