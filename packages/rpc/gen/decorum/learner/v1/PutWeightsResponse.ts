// Original file: protos/decorum/learner/v1/learner_service.proto


/**
 * The weights are held.
 */
export interface PutWeightsResponse {
}

/**
 * The weights are held.
 */
export interface PutWeightsResponse__Output {
}
