import type { serving as en } from '../en/serving';

export const serving: Record<keyof typeof en, string> = {
  'serving.none': '보고된 서빙 엔진이 없습니다',
  'serving.noneText': 'relay가 vLLM 또는 SGLang 파드의 지표를 수집하게 하세요. 파드는 자동으로 찾습니다.',
  'serving.replicas': '복제본',
  'serving.count': '{engine} {count}개',
  'serving.running': '처리 중',
  'serving.waiting': '대기',
  'serving.waitingNote': '{count}개 대기',
  'serving.generation': '초당 생성 토큰',
  'serving.prompt': '초당 프롬프트 토큰',
  'serving.perSecond': '복제본 합계',
  'serving.cache': 'KV 캐시',
  'serving.cacheNote': '복제본 평균',
  'serving.gpu': '사용 중인 GPU',
  'serving.gpuNote': '가중 평균, 단위 {parts}개',
  'serving.ttft': '첫 토큰 p99',
  'serving.itl': '토큰 간격 p99',
  'serving.hits': '프리픽스 캐시 적중',
  'serving.asleep': '휴면',
};
