// Original file: protos/decorum/evaluator/v1/evaluator_service.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { EvaluateRequest as _decorum_evaluator_v1_EvaluateRequest, EvaluateRequest__Output as _decorum_evaluator_v1_EvaluateRequest__Output } from '../../../decorum/evaluator/v1/EvaluateRequest.ts';
import type { EvaluateResponse as _decorum_evaluator_v1_EvaluateResponse, EvaluateResponse__Output as _decorum_evaluator_v1_EvaluateResponse__Output } from '../../../decorum/evaluator/v1/EvaluateResponse.ts';

/**
 * Measures a policy before and after training, on held-out prompts, paired by prompt and seed.
 */
export interface EvaluatorServiceClient extends grpc.Client {
  /**
   * Evaluates: progress while it runs, then one result. NOT_FOUND: weights that the policy does not hold.
   * UNAVAILABLE: no policy was reachable for as long as the server waits. FAILED_PRECONDITION: policies of different
   * base models, or weights that changed in between. INVALID_ARGUMENT: bad dataset or settings.
   * RESOURCE_EXHAUSTED: too many evaluations at once; retry after the pushback.
   */
  Evaluate(argument: _decorum_evaluator_v1_EvaluateRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_decorum_evaluator_v1_EvaluateResponse__Output>;
  Evaluate(argument: _decorum_evaluator_v1_EvaluateRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_decorum_evaluator_v1_EvaluateResponse__Output>;
  /**
   * Evaluates: progress while it runs, then one result. NOT_FOUND: weights that the policy does not hold.
   * UNAVAILABLE: no policy was reachable for as long as the server waits. FAILED_PRECONDITION: policies of different
   * base models, or weights that changed in between. INVALID_ARGUMENT: bad dataset or settings.
   * RESOURCE_EXHAUSTED: too many evaluations at once; retry after the pushback.
   */
  evaluate(argument: _decorum_evaluator_v1_EvaluateRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_decorum_evaluator_v1_EvaluateResponse__Output>;
  evaluate(argument: _decorum_evaluator_v1_EvaluateRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_decorum_evaluator_v1_EvaluateResponse__Output>;
  
}

/**
 * Measures a policy before and after training, on held-out prompts, paired by prompt and seed.
 */
export interface EvaluatorServiceHandlers extends grpc.UntypedServiceImplementation {
  /**
   * Evaluates: progress while it runs, then one result. NOT_FOUND: weights that the policy does not hold.
   * UNAVAILABLE: no policy was reachable for as long as the server waits. FAILED_PRECONDITION: policies of different
   * base models, or weights that changed in between. INVALID_ARGUMENT: bad dataset or settings.
   * RESOURCE_EXHAUSTED: too many evaluations at once; retry after the pushback.
   */
  Evaluate: grpc.handleServerStreamingCall<_decorum_evaluator_v1_EvaluateRequest__Output, _decorum_evaluator_v1_EvaluateResponse>;
  
}

export interface EvaluatorServiceDefinition extends grpc.ServiceDefinition {
  Evaluate: MethodDefinition<_decorum_evaluator_v1_EvaluateRequest, _decorum_evaluator_v1_EvaluateResponse, _decorum_evaluator_v1_EvaluateRequest__Output, _decorum_evaluator_v1_EvaluateResponse__Output>
}
