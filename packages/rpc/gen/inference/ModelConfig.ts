// Original file: protos/third_party/inference/grpc_service.proto

import type { ModelInput as _inference_ModelInput, ModelInput__Output as _inference_ModelInput__Output } from '../inference/ModelInput.ts';
import type { ModelOutput as _inference_ModelOutput, ModelOutput__Output as _inference_ModelOutput__Output } from '../inference/ModelOutput.ts';
import type { ModelDynamicBatching as _inference_ModelDynamicBatching, ModelDynamicBatching__Output as _inference_ModelDynamicBatching__Output } from '../inference/ModelDynamicBatching.ts';

export interface ModelConfig {
  'name'?: (string);
  'platform'?: (string);
  /**
   * 0: shapes hold no further dimension for a batch.
   */
  'maxBatchSize'?: (number);
  'input'?: (_inference_ModelInput)[];
  'output'?: (_inference_ModelOutput)[];
  'dynamicBatching'?: (_inference_ModelDynamicBatching | null);
  'backend'?: (string);
}

export interface ModelConfig__Output {
  'name': (string);
  'platform': (string);
  /**
   * 0: shapes hold no further dimension for a batch.
   */
  'maxBatchSize': (number);
  'input': (_inference_ModelInput__Output)[];
  'output': (_inference_ModelOutput__Output)[];
  'dynamicBatching': (_inference_ModelDynamicBatching__Output | null);
  'backend': (string);
}
