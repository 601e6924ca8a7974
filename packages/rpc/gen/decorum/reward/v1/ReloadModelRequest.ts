// Original file: protos/decorum/reward/v1/reward_service.proto


/**
 * Asks for the classifier's folder to be read again.
 */
export interface ReloadModelRequest {
}

/**
 * Asks for the classifier's folder to be read again.
 */
export interface ReloadModelRequest__Output {
}
